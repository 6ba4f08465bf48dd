using Horizon.Flow;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Examples.Tests;

/// <summary>The tiny model's parameters as tensors by the model folder's names, for the dense reference.</summary>
public static class DenseParameters
{
    public static Dictionary<string, Tensor> Of(IReadOnlyList<float[]> units, ModelDefinition? model = null) =>
        (model ?? Tiny.Model).Units.Zip(units).SelectMany(pair => pair.First.Parameters.Select(slot => (slot, pair.Second))).ToDictionary(
            pair => pair.slot.TensorName,
            pair => tensor(pair.Second.AsSpan((int)pair.slot.Offset, (int)pair.slot.Count).ToArray(), [.. pair.slot.Shape]));

    public static IReadOnlyList<float[]> Initial()
    {
        using var store = Tiny.CreateStore(TrainingPlan.For(Tiny.Model, Tiny.Options));
        return Outcome.Read(store);
    }
}
