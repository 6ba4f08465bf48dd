using Horizon.Flow.Activations;
using Horizon.Flow.Devices;
using Horizon.Flow.Host.ModelFolders;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Experts;
using Horizon.Flow.Models.Tests.Reference;
using Horizon.Flow.Program;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Tests.Families;

/// <summary>A layer's experts as several units whose visits add into one value.</summary>
public class ExpertPartsTests
{
    private static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "data", "families", "qwen3.5-moe");

    // What stands before the parts, with nothing for them to add to.
    private sealed class Routing(ExpertConfig config, ExpertLedger ledger) : AutogradTemplate
    {
        private readonly ExpertFeedForward _experts = new(config, Activation.Silu, ledger, 0);

        protected override Tensor Compute(ParameterViews parameters, Tensor? input, DeviceBatch batch) => _experts.Route(parameters, zeros_like(input!), input!, batch, []);
    }

    /// <summary>Outputs and all gradients of any number of parts, each recomputed from the first one's input, against a layer in which every expert computes every token, in fp64.</summary>
    [Cases(100, Arbitrary = [typeof(ExpertCase.PartCases)])]
    public void Parts_AnyShape_EqualTheDenseReference(ExpertCase layer) => CompareToReference(layer, new EagerOperators());

    /// <summary>The same by grouped products, in widths that these take.</summary>
    [Cases(100, Arbitrary = [typeof(ExpertCase.GroupedPartCases)])]
    public void Parts_ByGroups_EqualTheDenseReference(ExpertCase layer) => CompareToReference(layer, new GroupingOperators());

    /// <summary>The bits do not hang on what becomes of activations, and to rounding they are those of one unit a layer: losses, norms, loads, parameters.</summary>
    [Theory]
    [InlineData(ActivationPolicy.Recompute, 1, 4)]
    [InlineData(ActivationPolicy.Recompute, 3, 2)]
    [InlineData(ActivationPolicy.Keep, 1, 2)]
    [InlineData(ActivationPolicy.Offload, 1, 4)]
    public async Task Train_InParts_IsTheSameForEveryPolicy(ActivationPolicy policy, int interval, int parts)
    {
        var one = await TrainAsync(1, ActivationPolicy.Recompute, 1);
        var expected = await TrainAsync(parts, ActivationPolicy.Recompute, 1);
        var run = await TrainAsync(parts, policy, interval);

        Assert.Equal(expected.Losses, run.Losses);
        Assert.All(expected.Parameters, pair => Assert.Equal(pair.Value, run.Parameters[pair.Key]));
        Assert.Equal(expected.Metrics, run.Metrics);
        Assert.True(Numbers.RelativeError(one.Losses, run.Losses) < 5e-6, $"{string.Join(' ', one.Losses)} in one unit, {string.Join(' ', run.Losses)} in parts");
        Numbers.AssertClose(one.Parameters, run.Parameters, 1e-5);
        Assert.Equal(one.Metrics.Keys, run.Metrics.Keys);
        foreach (var (name, value) in one.Metrics) Assert.Equal(value, run.Metrics[name], 1e-5 * value);
    }

    /// <summary>New weights are the same however experts are cut, rows of a tensor (gpt-oss) among them.</summary>
    [Cases(60, Arbitrary = [typeof(FamilyCase.Cases)])]
    public void Initialize_InParts_DrawsTheNumbersOfOneUnit(FamilyCase family)
    {
        static Dictionary<string, float[]> Drawn(ModelConfig config)
        {
            var model = ModelFamilies.Define(config);
            float[] Of(ParameterSlot slot)
            {
                var values = new float[slot.Count];
                model.Initialize(slot, 5, 0, values);
                return values;
            }

            return model.Units.SelectMany(unit => unit.Parameters).GroupBy(slot => slot.TensorName).ToDictionary(tensor => tensor.Key, tensor => tensor.SelectMany(Of).ToArray());
        }

        var (one, many) = (Drawn(family.Config with { ExpertParts = 1 }), Drawn(family.Config));
        Assert.Equal(one.Keys.Order(), many.Keys.Order());
        Assert.All(one, tensor => Assert.Equal(tensor.Value, many[tensor.Key]));
    }

    /// <summary>What a step holds at once does not grow with the parts: of a layer its own weights and tape, and one part's.</summary>
    [Fact]
    public void Program_WithParts_HoldsOneAtATime()
    {
        var model = Define(4);
        var program = new DefaultProgrammer(model, new TrainingOptions(), _ => true).ProgramFor(new StepRequest(1, StepPurpose.Train, 1));
        int Most(ValueKind kind)
        {
            var (live, most) = (new HashSet<int>(), 0);
            foreach (var visit in program.Visits)
            {
                live.UnionWith(visit.Writes.Append(visit.Weights ?? visit.Writes.FirstOrDefault(-1)).Where(id => id >= 0 && program.Values[id].Kind == kind));
                most = Math.Max(most, live.Count);
                live.ExceptWith(visit.Frees);
            }

            return most;
        }

        Assert.Equal((2, 2), (Most(ValueKind.Weights), Most(ValueKind.Tape)));
        var ups = program.Visits.Where(visit => visit.Loads).GroupBy(visit => visit.Unit).ToDictionary(unit => unit.Key, unit => unit.Count());
        Assert.All(model.Hidden.Where(binding => binding.Template.IsPart), binding => Assert.Equal(2, ups[binding.Unit]));
    }

    [Theory]
    [InlineData("qwen3.5-moe", 3, "must divide the 4 experts")]
    [InlineData("gpt2", 2, "has no experts")]
    [InlineData("../reference/llama-gqa", 2, "has no experts")]
    [InlineData("gemma4-shared-experts", 2, "go on behind their experts")]
    public void Define_PartsThatCannotBe_IsRefused(string folder, int parts, string why)
    {
        var config = ModelFolder.ReadConfig(Path.Combine(Path.GetDirectoryName(Folder)!, folder));
        Assert.Equal(1, ExpertParts.ChooseFor(config));
        var error = Assert.Throws<HorizonException>(() => ModelFamilies.Define(config with { ExpertParts = parts }));
        Assert.Contains(why, error.Message, StringComparison.Ordinal);
        Assert.Contains("training.expert_parts", error.Message, StringComparison.Ordinal);
    }

    /// <summary>The smallest number of equal parts that are no larger than what is written down: of Qwen3-30B-A3B's shape, Qwen3-235B-A22B's, DeepSeek-V3's, and a small one.</summary>
    [Theory]
    [InlineData(2048, 768, 128, 1)]
    [InlineData(4096, 1536, 128, 4)]
    [InlineData(7168, 2048, 256, 16)]
    [InlineData(64, 32, 8, 1)]
    public void ChooseFor_AnySize_IsTheFewestThatAreSmallEnough(int hidden, int width, int experts, int parts)
    {
        var read = (Dense.DenseConfig)ModelFolder.ReadConfig(Path.Combine(Path.GetDirectoryName(Folder)!, "qwen3-moe-balanced"));
        var config = read with { HiddenSize = hidden, Experts = read.Experts! with { Count = experts, Width = width } };
        Assert.Equal(parts, ExpertParts.ChooseFor(config));
        long Parameters(int count) => 3L * hidden * width * experts / count;
        Assert.True(Parameters(parts) <= ExpertParts.LargestByChoice && (parts == 1 || Parameters(parts / 2) > ExpertParts.LargestByChoice));
    }

    private static void CompareToReference(ExpertCase layer, IUnitOperators operators)
    {
        var expected = new DenseExperts(layer).Differentiate(Slopes(layer));
        foreach (var parts in layer.PartCounts) Numbers.AssertClose(expected, Differentiate(layer, parts, operators), 1e-4);
    }

    private static float[] Slopes(ExpertCase layer)
    {
        var random = new Random(layer.Seed + 2);
        return [.. Enumerable.Range(0, layer.Tokens * layer.Hidden).Select(_ => (float)random.NextDouble())];
    }

    // The output, and the gradients of the sum of output * slope, those of parameters by their roles in the whole layer; every buffer starts as NaN.
    private static Dictionary<string, float[]> Differentiate(ExpertCase layer, int parts, IUnitOperators operators)
    {
        using var scope = NewDisposeScope();
        var config = layer.Config with { Parts = parts };
        var ledger = new ExpertLedger(config, [0]);
        var layouts = layer.InParts(parts);
        List<IUnitTemplate> templates =
            [new Routing(config, ledger), .. Enumerable.Range(0, parts).Select(part => new ExpertPartTemplate(config, layer.Hidden, Activation.Silu, ledger.Parts, 0, part, null))];
        var values = layer.Parameters();
        List<ParameterViews> weights = [.. layouts.Select(layout => new ParameterViews(cat([.. layout.Parameters.Select(slot => tensor(values[slot.TensorName].AsSpan((int)slot.TensorOffset, (int)slot.Count).ToArray()))]), layout))];
        List<ParameterViews> gradients = [.. layouts.Select(layout => new ParameterViews(empty([layout.ElementCount], dtype: float32).FillInPlace(float.NaN), layout))];
        using var batch = UnitWalk.Batch(new MicroBatch(1, layer.Tokens, new long[layer.Tokens], new long[layer.Tokens], [.. Enumerable.Range(0, layer.Tokens).Select(place => (long)place)]), operators);
        var input = tensor(layer.Input(), [1, layer.Tokens, layer.Hidden]);
        var output = templates.Zip(weights).Aggregate(input, (x, unit) => unit.First.Forward(unit.Second, x, batch));

        using var first = templates[0].Recompute(weights[0], input, batch);
        var gradient = tensor(Slopes(layer), [1, layer.Tokens, layer.Hidden]);
        for (var part = templates.Count - 1; part > 0; part--)
        {
            using var tape = templates[part].Recompute(weights[part], first.Output, batch);
            gradient = tape.Backward(gradient, gradients[part])!;
        }

        gradient = first.Backward(gradient, gradients[0])!;
        static float[] Values(Tensor x) => x.contiguous().data<float>().ToArray();
        var found = gradients.SelectMany(views => views.Layout.Parameters.Select(slot => (slot.TensorName, Values(views[slot.Role])))).GroupBy(entry => entry.TensorName).ToDictionary(tensor => tensor.Key, tensor => tensor.SelectMany(entry => entry.Item2).ToArray());
        (found[DenseExperts.Output], found[DenseExperts.Input]) = (Values(output), Values(gradient));
        foreach (var views in weights.Concat(gradients)) views.Dispose();
        return found;
    }

    // With a balancing loss, a shared expert and linear attention.
    private static ModelDefinition Define(int parts)
    {
        var read = (Dense.DenseConfig)ModelFolder.ReadConfig(Folder);
        return ModelFamilies.Define(read with { Experts = read.Experts! with { Balancing = 0.5 }, ExpertParts = parts });
    }

    private static async Task<(float[] Losses, Dictionary<string, float[]> Parameters, IReadOnlyDictionary<string, double> Metrics)> TrainAsync(int parts, ActivationPolicy policy, int interval)
    {
        var plan = TrainingPlan.For(Define(parts), new TrainingOptions
        {
            Optimizer = OptimizerFactory.Create("sgd"), // in proportion to the gradient, so that rounding stays rounding
            LearningRate = _ => 1e-4,
            RecomputeInterval = interval,
            Pipeline = new PipelineOptions { DeviceBuffers = interval + 1 },
            Activations = _ => policy,
        }).WithExpertLoads();
        using var store = plan.CreateStore(StorePrecision.Fp32);
        using (var checkpoint = WeightFiles.Open(Folder)) await StoreLoader.LoadAsync(checkpoint, store.Units);
        var io = new SafetensorsReader(Path.Combine(Folder, "io.safetensors"));
        var ids = io.Integers("input_ids")[..64];
        var batch = new MicroBatch(2, 32, ids, [.. ids.Skip(1), -100], [.. ids.Select((_, place) => (long)(place % 32))]);
        using var device = new CpuDevice();
        var (losses, metrics) = (new List<float>(), (IReadOnlyDictionary<string, double>)new Dictionary<string, double>());
        await using (var run = plan.Start(store, device))
        {
            await foreach (var report in run.StepsAsync(Enumerable.Repeat(new[] { batch }, 3)))
            {
                losses.AddRange([(float)report.Loss, (float)report.GradientNorm]);
                metrics = plan.ExpertMetricsOf(report);
            }
        }

        return ([.. losses], StoreValues.Read(store), metrics);
    }
}
