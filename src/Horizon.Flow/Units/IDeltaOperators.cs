using TorchSharp;

namespace Horizon.Flow.Units;

/// <summary>
/// Linear attention between its projections, as a device computes it best: a short convolution, the gated delta rule (arXiv 2412.06464), a norm of each head and a gate. Sums are in
/// a fixed order: the same arguments give the same bits.
/// </summary>
public interface IDeltaOperators
{
    /// <summary>Whether the device computes such heads.</summary>
    /// <param name="heads">Their numbers and widths.</param>
    /// <param name="type">Of the hidden state.</param>
    bool Takes(DeltaHeads heads, torch.ScalarType type);

    /// <summary>Runs it.</summary>
    /// <param name="inputs">What it depends on.</param>
    /// <param name="heads">Their numbers and widths.</param>
    /// <param name="documents">[B, S] int64: tokens see earlier tokens of the same document; null for one document a row.</param>
    /// <param name="keeps">Whether backward follows; without, what it would need is freed at once.</param>
    /// <returns>Its output [B, S, V * E] in the type of the hidden state, and its backward, which gives the inputs' gradients in their order.</returns>
    IWrittenStep Run(DeltaInputs inputs, DeltaHeads heads, torch.Tensor? documents, bool keeps);
}
