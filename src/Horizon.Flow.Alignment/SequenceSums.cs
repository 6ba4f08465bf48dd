using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Alignment;

// Letters: N labelled tokens, S sequences.

/// <summary>From numbers of labelled tokens to numbers of sequences: the documents of all rows, in the order in which they lie.</summary>
public static class SequenceSums
{
    /// <summary>[sequences] fp64: the sum over the labelled tokens of each sequence, always in the same order.</summary>
    /// <param name="batch">Which tokens belong together.</param>
    /// <param name="values">[labelled tokens], log-probabilities for instance; the sums are part of its autograd graph.</param>
    public static Tensor SumBySequence(this DeviceBatch batch, Tensor values)
    {
        ArgumentNullException.ThrowIfNull(batch);
        ArgumentNullException.ThrowIfNull(values);
        var wide_N = values.to(float64);
        var parts = new Tensor[batch.LabelledBySequence.Count];
        long start = 0;
        for (var sequence = 0; sequence < parts.Length; start += batch.LabelledBySequence[sequence++])
            parts[sequence] = wide_N.narrow(0, start, batch.LabelledBySequence[sequence]).sum();
        return stack(parts);
    }

    /// <summary>[sequences] fp64: how many labelled tokens each sequence has.</summary>
    public static Tensor LengthBySequence(this DeviceBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        return tensor([.. batch.LabelledBySequence.Select(count => (double)count)], float64, batch.InputIds.device);
    }
}
