using Horizon.Flow.Models;
using Horizon.Flow.Testing;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Alignment.Tests;

/// <summary>Log-probabilities of whole sequences from the full logits of the dense model, in fp64.</summary>
internal static class Dense
{
    /// <summary>For each sequence of a micro-batch the sum of its labels' log-probabilities, and how many there are.</summary>
    public static (Tensor[] Sums, double[] Lengths) Sequences(Tensor logits, MicroBatch batch)
    {
        var logProbabilities = logits.to(float64).softmax(-1).log().view(-1, logits.shape[^1]);
        var places = LabelledPlaces(batch);
        return ([.. places.Select(one => one.Select(place => logProbabilities[place, batch.Targets[place]]).Aggregate((left, right) => left.Plus(right)))],
            [.. places.Select(one => (double)one.Count)]);
    }

    /// <summary>For each sequence, a document of a row, the places of its labels.</summary>
    public static IReadOnlyList<IReadOnlyList<int>> LabelledPlaces(MicroBatch batch) => [.. Enumerable.Range(0, batch.Targets.Length)
        .GroupBy(place => (place / batch.SequenceLength, batch.Documents?[place] ?? 0))
        .Select(sequence => sequence.Where(place => batch.Targets[place] != MicroBatch.Unlabelled).ToList())];

    /// <summary>The same numbers by the values a model begins with.</summary>
    public static double[] Reference(ModelConfig config, IReadOnlyDictionary<string, float[]> values, MicroBatch batch)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var shapes = ModelFamilies.Define(config).Units.SelectMany(unit => unit.Parameters).ToDictionary(slot => slot.TensorName, slot => slot.Shape.ToArray());
        var model = new DenseModel(config, values.ToDictionary(pair => pair.Key, pair => tensor(pair.Value, shapes[pair.Key]).to(float64)));
        var logits = model.Logits(batch.InputIds, batch.Positions, batch.Documents, batch.Rows, batch.SequenceLength);
        return [.. Sequences(logits, batch).Sums.Select(sum => sum.item<double>())];
    }
}
