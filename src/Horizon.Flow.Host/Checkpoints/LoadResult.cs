namespace Horizon.Flow.Host;

/// <summary>What was loaded.</summary>
/// <param name="TensorCount">Tensors read.</param>
/// <param name="BytesRead">Their bytes in the files.</param>
/// <param name="UnexpectedTensors">
/// Tensors of the checkpoint that the model has no place for, without those known to be harmless: rotary tables, and the copy of a
/// tied head.
/// </param>
public sealed record LoadResult(int TensorCount, long BytesRead, IReadOnlyList<string> UnexpectedTensors)
{
    /// <summary>One sentence about the unexpected tensors, or null if there are none.</summary>
    public string? Warning => UnexpectedTensors.Count == 0
        ? null
        : $"the checkpoint holds {UnexpectedTensors.Count} tensors that the model does not use: {UnexpectedTensors.Shown()}";
}
