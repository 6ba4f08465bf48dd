using System.Collections.Concurrent;
using FsCheck;
using FsCheck.Fluent;
using Horizon.Flow.Devices;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Messages;
using Horizon.Flow.Models.Adapters;
using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Dense;
using Horizon.Flow.Models.Experts;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Units;

namespace Horizon.Flow.Models.Tests.Families;

/// <summary>Gradients of experts without tokens stay off the link, and nothing else changes.</summary>
public class UnloadedExpertsTests
{
    private const int Vocabulary = 13;

    /// <summary>Any family with experts in parts, few tokens for them, over micro-batches, with and without clipping, and where all copies are late and poisoned.</summary>
    [Cases(40, Arbitrary = [typeof(Routings)])]
    public void Train_WithoutTheirGradients_HasTheBitsOfSendingZeros(Routing routing)
    {
        var (some, bytes, _) = routing.Train(whole: false);
        var (all, wholeBytes, _) = routing.Train(whole: true);

        Assert.Equal(all.Keys, some.Keys);
        Assert.All(all, entry => Assert.Equal(entry.Value, some[entry.Key]));
        Assert.True(bytes <= wholeBytes, $"{bytes} bytes came down, {wholeBytes} with zeros");
    }

    /// <summary>What stays up is what belongs to experts without tokens, counted by the metrics: neither more nor less.</summary>
    [Cases(40, Arbitrary = [typeof(Routings)])]
    public void Train_WithoutTheirGradients_SendsThoseOfExpertsWithTokens(Routing any)
    {
        var routing = any with { MicroBatches = 1, Device = 0 };
        var (_, bytes, loads) = routing.Train(whole: false);
        var (_, wholeBytes, _) = routing.Train(whole: true);

        var experts = routing.Model.Units.Where(unit => unit.Parameters.Any(slot => Roles.IsExpert(slot.Role))).ToList();
        var each = (experts.FirstOrDefault()?.Trained.ElementCount ?? 0) * routing.Parts / routing.Experts;
        var empty = loads.Sum(step => step.Count(load => load == 0));
        Assert.Equal(experts.Count / routing.Parts * routing.Experts * routing.Steps, loads.Sum(step => step.Length));
        Assert.Equal(empty * each * sizeof(float), wholeBytes - bytes);
    }

    /// <summary>The ranges are those of what is trained: of parameters that are one expert's, and of ones that hold all.</summary>
    [Fact]
    public void Between_Ranges_IsTheRest()
    {
        GradientRange[] ranges = [new(2, 3), new(5, 1), new(9, 1)];
        Assert.Equal([new(0, 2), new(6, 3), new(10, 2)], GradientRange.Between(ranges, 12));
        Assert.Equal([new GradientRange(0, 12)], GradientRange.Between([], 12));
        Assert.Empty(GradientRange.Between([new GradientRange(0, 12)], 12));
    }

    /// <summary>A stage that may change gradients on the device sees that they travel whole, whatever backward said.</summary>
    [Fact]
    public void Train_WithAStageBeforeDownload_SendsAll()
    {
        var routing = Routings.Any().Generator.Sample(20, 200).First(one => one.Train(whole: false).Bytes < one.Train(whole: true).Bytes);
        var unit = routing.Model.Units.First(one => one.Parameters.Any(slot => Roles.IsExpert(slot.Role))).Name;
        DeviceGradient Raised(TrainingContext run, DeviceGradient gradient)
        {
            if (gradient.UnitName == unit) run.Compute([gradient.Gradient.Value], () => gradient.Views.Flat.FillInPlace(1));
            return gradient;
        }

        var seen = new ConcurrentBag<float>();
        routing.Train(whole: false, plan => plan.OutOfJoin(Stages.Download).Insert("ones", Raised)
            .At(Stages.Download).ChangeGradient("look", (gradient, first, values) =>
            {
                if (gradient.UnitName == unit)
                    foreach (var value in values) seen.Add(value);
            }));
        Assert.All(seen, value => Assert.Equal(1, value));
        Assert.NotEmpty(seen);
    }

    /// <summary>Settings of experts, and every layer named as one without.</summary>
    [Fact]
    public void Train_NoLayerWithExperts_CountsNoLoads()
    {
        var family = new FamilyCase("Qwen3MoeForCausalLM", new Dictionary<string, object?>
        {
            ["vocab_size"] = Vocabulary, ["hidden_size"] = 8, ["intermediate_size"] = 12, ["num_hidden_layers"] = 2, ["num_attention_heads"] = 2, ["num_key_value_heads"] = 1, ["head_dim"] = 4,
            ["num_experts"] = 4, ["num_experts_per_tok"] = 2, ["moe_intermediate_size"] = 6, ["mlp_only_layers"] = new[] { 0, 1 },
        }, 4);
        Assert.All(new Routing(family, 2, 3, 1, Clips: true, Adapts: false, Device: 0).Train(whole: false).Loads, Assert.Empty);
    }

    public sealed record Routing(FamilyCase Family, int PerToken, int Tokens, int MicroBatches, bool Clips, bool Adapts, int Device)
    {
        public int Steps => 2;

        public ModelDefinition Model => ModelFamilies.Define(Config);

        public int Experts => Config.Experts!.Count;

        public int Parts => Config.ExpertParts;

        private DenseConfig Config
        {
            get
            {
                var read = (DenseConfig)Family.Config;
                return read with { Experts = read.Experts! with { PerToken = PerToken }, Adapter = Adapts ? new AdapterConfig(2, 3, [AdapterConfig.AllLinear]) : null };
            }
        }

        // Every number that comes out of the training, the bytes that came down, and each step's tokens of every expert.
        public (Dictionary<string, float[]> Values, long Bytes, List<double[]> Loads) Train(bool whole, Func<TrainingPlan, TrainingPlan>? change = null)
        {
            var plan = TrainingPlan.For(Model, new TrainingOptions
            {
                Optimizer = OptimizerFactory.Create("adamw", new OptimizerOptions { WeightDecay = 0.1 }),
                LearningRate = _ => 1e-2,
                MaxGradientNorm = Clips ? 0.5 : null,
                GradientAccumulation = MicroBatches,
                Pipeline = new PipelineOptions { DeviceBuffers = 3 },
            }).WithExpertLoads();
            plan = plan.Freeze(unit => unit.Trained.ElementCount == 0);
            // A stage of its own on the way: all of a gradient travels.
            if (whole) plan = plan.OutOfJoin(Stages.Download).Insert("zeros, too", gradient => gradient);
            plan = change?.Invoke(plan) ?? plan;
            using var store = plan.CreateStore(StorePrecision.Fp32);
            StoreValues.Write(store, Family.Parameters(plan.Model));
            using IComputeDevice inner = Device switch { 0 => new CpuDevice(1), 1 => new JitterDevice(Family.Seed), _ => new ClockedDevice(1) };
            using var device = new CountingDevice(inner);
            var (reports, loads) = (new List<float>(), new List<double[]>());
            Go().GetAwaiter().GetResult();
            var values = StoreValues.Read(store);
            values["losses and norms"] = [.. reports];
            return (values, device.Bytes, loads);

            async Task Go()
            {
                await using var run = plan.Start(store, device);
                await foreach (var report in run.StepsAsync(Enumerable.Range(0, Steps).Select(step => Enumerable.Range(0, MicroBatches).Select(place => Batch((step * MicroBatches) + place)).ToArray())))
                {
                    reports.AddRange([(float)report.Loss, (float)report.GradientNorm]);
                    loads.Add([.. plan.ExpertSumsOf(report).SkipLast(1)]);
                }
            }
        }

        private MicroBatch Batch(int number)
        {
            var random = new Random(Family.Seed + number);
            long[] ids = [.. Enumerable.Range(0, Tokens).Select(_ => (long)random.Next(Vocabulary))];
            return new MicroBatch(1, Tokens, ids, [.. ids.Select(_ => (long)random.Next(Vocabulary))], [.. Enumerable.Range(0, Tokens).Select(place => (long)place)]);
        }
    }

    public static class Routings
    {
        public static Arbitrary<Routing> Any() =>
            (from family in FamilyCase.Cases.Any().Generator.Where(family => family.Config is DenseConfig { Experts: not null, ExpertParts: > 1 })
             from perToken in Gen.Choose(1, 2)
             from tokens in Gen.Choose(1, 4)
             from microBatches in Gen.Choose(1, 3)
             from clips in Gen.Elements(true, false)
             from adapts in Gen.Elements(true, false)
             from device in Gen.Choose(0, 2)
             select new Routing(family, perToken, tokens, microBatches, clips, adapts, device)).ToArbitrary();
    }

    private sealed class CountingDevice(IComputeDevice inner) : DeviceWrapper(inner)
    {
        private long _bytes;

        public long Bytes => Interlocked.Read(ref _bytes);

        public override Fence Download(DeviceBuffer source, long bytes, HostBuffer target, Fence after)
        {
            Interlocked.Add(ref _bytes, bytes);
            return base.Download(source, bytes, target, after);
        }

        public override Fence Download(DeviceBuffer source, IReadOnlyList<GradientRange> ranges, HostBuffer target, Fence after)
        {
            Interlocked.Add(ref _bytes, ranges.Sum(range => range.Count) * source.ElementType.ByteSize());
            return base.Download(source, ranges, target, after);
        }
    }
}
