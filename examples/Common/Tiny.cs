using Horizon.Flow;
using Horizon.Flow.Devices;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models;
using Horizon.Flow.Units;

namespace Horizon.Examples;

/// <summary>The model and the data of the examples: small, made in code, always the same.</summary>
public static class Tiny
{
    /// <summary>A Llama of four layers and 47 thousand parameters.</summary>
    public static ModelConfig Config { get; } = new()
    {
        Architecture = "LlamaForCausalLM",
        VocabularySize = 64,
        HiddenSize = 32,
        IntermediateSize = 80,
        LayerCount = 4,
        HeadCount = 4,
        KeyValueHeadCount = 2,
        HeadDimension = 8,
        MaximumSequenceLength = 64,
        InitializerRange = 0.1,
    };

    /// <summary>The model as units and templates.</summary>
    public static ModelDefinition Model => ModelFamilies.Define(Config);

    /// <summary>fp32 AdamW without clipping, a learning rate at which the tiny model learns within thirty steps.</summary>
    public static TrainingOptions Options { get; } = new()
    {
        Optimizer = OptimizerFactory.Create("adamw"),
        LearningRate = _ => 1e-2,
        MaxGradientNorm = null,
        HostThreads = 2,
    };

    /// <summary>
    /// The CPU, or the device that the variable HORIZON_DEVICE names (cuda:0, say). One thread for each operator: on tensors this small a
    /// second one would only wait for the first.
    /// </summary>
    public static IComputeDevice CreateDevice() =>
        Environment.GetEnvironmentVariable("HORIZON_DEVICE") is { } name ? ComputeDevice.Parse(name) : new CpuDevice(threads: 1);

    /// <summary>One micro-batch a step, or more: rows that count up by 1 or 2 from a random start, so that there is something to learn.</summary>
    public static IEnumerable<IReadOnlyList<MicroBatch>> Steps(int count, int rows = 16, int length = 16, int microBatches = 1)
    {
        for (var step = 0; step < count; step++)
            yield return [.. Enumerable.Range(step * microBatches, microBatches).Select(seed => Batch(new Random(seed), rows, length))];
    }

    /// <summary>One micro-batch of rows that no run here trains on.</summary>
    public static IReadOnlyList<MicroBatch> HeldOut(int rows = 16) => Steps(100, rows).Last();

    /// <summary>A store of fp32 with the model's own initial values.</summary>
    public static ParameterStore CreateStore(TrainingPlan plan, long seed = 7) => Fill(plan, plan.CreateStore(StorePrecision.Fp32), seed);

    /// <summary>Draws the model's initial values.</summary>
    public static ParameterStore Fill(TrainingPlan plan, ParameterStore store, long seed = 7)
    {
        foreach (var unit in store.Units)
        {
            foreach (var slot in unit.Layout.Parameters)
            {
                var values = new float[slot.Count];
                plan.Model.Initialize(slot, seed, 0, values);
                unit.WriteMasters(slot.Offset, values);
            }
        }

        return store;
    }

    private static MicroBatch Batch(Random random, int rows, int length)
    {
        var ids = new long[rows * length];
        var targets = new long[rows * length];
        for (var row = 0; row < rows; row++)
        {
            var (start, stride) = (random.Next(Config.VocabularySize), random.Next(1, 3));
            for (var place = 0; place < length; place++)
            {
                ids[(row * length) + place] = (start + (stride * place)) % Config.VocabularySize;
                targets[(row * length) + place] = place == 0 ? MicroBatch.Unlabelled : (start + (stride * (place + 1))) % Config.VocabularySize;
            }
        }

        return new MicroBatch(rows, length, ids, targets, [.. ids.Select((_, i) => (long)(i % length))]);
    }
}
