using FsCheck;
using Horizon.Flow.Checkpointing;
using Horizon.Flow.Devices;
using Horizon.Flow.Host.Checkpoints;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Checkpointing;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Tests.Training;

/// <summary>Units are frozen and unfrozen between steps, and the optimizer goes on where it was.</summary>
public sealed class OtherPlanTests : IDisposable
{
    private const int Phases = 3;

    private static readonly ModelCase _model = SmallRun.Case.Model with { Layers = 2 };

    private readonly string _path = Directory.CreateTempSubdirectory("horizon-other-plan-").FullName;

    public void Dispose() => Directory.Delete(_path, recursive: true);

    [Cases(8)]
    public async Task For_UnitsFrozenAndUnfrozen_TrainsAsADenseLoopThatKeepsItsMoments(PositiveInt seed)
    {
        var phases = Choices(seed.Get);
        var model = ModelFamilies.Define(_model.Config);
        using var store = await TrainAsync(phases, checkpoints: false);

        var values = _model.Parameters().ToDictionary(pair => pair.Key, pair => pair.Value.Select(value => (double)value).ToArray());
        var moments = values.ToDictionary(pair => pair.Key, pair => (First: new double[pair.Value.Length], Second: new double[pair.Value.Length], Count: new int[1]));
        for (var step = 0; step < 2 * Phases; step++)
        {
            var gradients = Gradients(values, step);
            foreach (var slot in model.Units.Where((_, unit) => phases[step / 2][unit]).SelectMany(unit => unit.Parameters))
                Update(values[slot.TensorName], gradients[slot.TensorName], moments[slot.TensorName]);
        }

        Numbers.AssertClose(values.ToDictionary(pair => pair.Key, pair => pair.Value.Select(value => (float)value).ToArray()), StoreValues.Read(store), 1e-5);
    }

    /// <summary>After each phase everything goes through a checkpoint into a new store, made for that phase's plan.</summary>
    [Cases(8)]
    public async Task For_WithCheckpointsBetween_IsBitwiseTheSame(PositiveInt seed)
    {
        var phases = Choices(seed.Get);
        using var plain = await TrainAsync(phases, checkpoints: false);
        using var saved = await TrainAsync(phases, checkpoints: true);
        Assert.Equal(CheckpointCase.State(plain), CheckpointCase.State(saved));
    }

    [Fact]
    public async Task Start_WithTheStoreThatWasHandedOver_IsRefused()
    {
        var plan = SmallRun.Plan();
        var store = SmallRun.NewStore(plan);
        var frozen = plan.Freeze(unit => unit.Name == plan.Model.Units[0].Name);
        using var device = new CpuDevice();
        Assert.Contains("store.For(plan)", Assert.Throws<HorizonException>(() => frozen.Start(store, device)).Message, StringComparison.Ordinal);
        using var next = store.For(frozen);
        Assert.Equal("the store's units were handed over to another store; start the run with that one", Assert.Throws<HorizonException>(() => plan.Start(store, device)).Message);
        await using var run = frozen.Start(next, device);
        await (await run.BeginStepAsync(SmallRun.Batch())).Report;
        Assert.Equal((0L, 1L), (next.VersionOf(0), next.VersionOf(1)));
    }

    /// <summary>[phases][units]: which are trained, one of them at least.</summary>
    private static List<bool[]> Choices(int seed)
    {
        var random = new System.Random(seed);
        var units = ModelFamilies.Define(_model.Config).Units.Count;
        return [.. Enumerable.Range(0, Phases).Select(_ => random.Next(1, 1 << units)).Select(bits => Enumerable.Range(0, units).Select(unit => (bits >> unit & 1) == 1).ToArray())];
    }

    private async Task<ParameterStore> TrainAsync(List<bool[]> phases, bool checkpoints)
    {
        var everything = TrainingPlan.For(ModelFamilies.Define(_model.Config), SmallRun.Case.Options() with { MaxGradientNorm = null });
        ParameterStore? store = null;
        for (var phase = 0; phase < phases.Count; phase++)
        {
            var trained = phases[phase];
            var plan = everything.Freeze(unit => !trained[everything.Model.Units.ToList().IndexOf(unit)]);
            var before = store;
            if (before is null) StoreValues.Write(store = plan.CreateStore(StorePrecision.Fp32), _model.Parameters());
            else store = before.For(plan);
            before?.Dispose();
            using (var device = new JitterDevice(phase))
            {
                await using var run = plan.Start(store, device);
                await foreach (var _ in run.StepsAsync([Batch(2 * phase), Batch((2 * phase) + 1)], ahead: 1))
                {
                }
            }

            if (!checkpoints) continue;
            var folder = new TrainingCheckpoints(Path.Combine(_path, $"{Guid.NewGuid()}"));
            await using (var writer = new CheckpointWriter(plan, store, folder, new CheckpointOptions())) await writer.WriteNowAsync();
            store.Dispose();
            store = plan.CreateStore(StorePrecision.Fp32);
            Assert.NotNull(await folder.LoadNewestAsync(store, CheckpointContents.Of(plan.Model.Architecture, store, plan.Options.Optimizer), warning => Assert.Fail(warning)));
        }

        return store!;
    }

    private static List<MicroBatch> Batch(int step) => [_model.Batch(step)];

    private static IReadOnlyDictionary<string, float[]> Gradients(Dictionary<string, double[]> values, int step)
    {
        using var dense = new DenseTrainer(_model.Config, values.ToDictionary(pair => pair.Key, pair => pair.Value.Select(value => (float)value).ToArray()), new DenseOptions { MaxGradNorm = null });
        dense.Differentiate([_model.Batch(step)]);
        return dense.Gradients;
    }

    private static void Update(double[] values, float[] gradients, (double[] First, double[] Second, int[] Count) moments)
    {
        var t = ++moments.Count[0];
        for (var i = 0; i < values.Length; i++)
        {
            moments.First[i] = (0.9 * moments.First[i]) + (0.1 * gradients[i]);
            moments.Second[i] = (0.95 * moments.Second[i]) + (0.05 * gradients[i] * gradients[i]);
            values[i] -= 1e-3 * ((0.1 * values[i]) + (moments.First[i] / (1 - Math.Pow(0.9, t)) / (Math.Sqrt(moments.Second[i] / (1 - Math.Pow(0.95, t))) + 1e-4)));
        }
    }
}
