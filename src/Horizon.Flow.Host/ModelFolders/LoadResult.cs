using Horizon.Flow.Host.Safetensors;

namespace Horizon.Flow.Host.ModelFolders;

/// <summary>What was loaded.</summary>
/// <param name="TensorCount">Tensors read.</param>
/// <param name="BytesRead">Their bytes in the files.</param>
/// <param name="UnexpectedTensors">
/// Tensors of the folder that the model has no place for, without those known to be harmless: rotary tables, and the copy of a
/// tied head.
/// </param>
public sealed record LoadResult(int TensorCount, long BytesRead, IReadOnlyList<string> UnexpectedTensors)
{
    /// <summary>Parameters that the folder lacks, and may (<see cref="LoadOptions.MayMiss"/>).</summary>
    public IReadOnlyList<string> Missing { get; init; } = [];

    /// <summary>
    /// How far the file's <c>lm_head.weight</c> is from the embedding that the model uses in its place: the norm of the difference relative to
    /// the embedding's, infinite where the shapes differ; null where the file holds none or the model uses it.
    /// </summary>
    public double? TiedHeadDistance { get; init; }

    /// <summary>What the user should know, in a sentence or two; null for nothing.</summary>
    public string? Warning => string.Join("; ", Warnings()) is { Length: > 0 } text ? text : null;

    private IEnumerable<string> Warnings()
    {
        if (UnexpectedTensors.Count > 0)
            yield return $"the model folder holds {UnexpectedTensors.Count} tensors that the model does not use: {UnexpectedTensors.Shown()}";
        if (TiedHeadDistance is { } distance and not 0)
        {
            yield return FormattableString.Invariant(
                $"config.json ties the output projection to the embedding (tie_word_embeddings), but the folder's lm_head.weight is another matrix, at a relative distance of {distance:G3}: it is not used; set tie_word_embeddings to false to train both");
        }
    }
}
