namespace Horizon.Flow.Host;

/// <summary>
/// Fills a store from a checkpoint. Names, shapes and types of all tensors are checked before the first byte is read; then each file is
/// read once, in file order, straight into the units' buffers.
/// </summary>
public static class StoreLoader
{
    private const string Prefix = "model.";
    private const string Head = "lm_head.weight";
    // A role: what the file calls the matrix differs from family to family.
    private const string Embedding = "embed_tokens.weight";

    private static readonly string[] HarmlessEndings =
        [Head, "rotary_emb.inv_freq", "rotary_emb.cos_cached", "rotary_emb.sin_cached"];

    /// <summary>Reads every parameter of <paramref name="units"/> from <paramref name="checkpoint"/>.</summary>
    /// <param name="checkpoint">The opened folder.</param>
    /// <param name="units">The store. After an error or a cancellation its contents are undefined.</param>
    /// <param name="options">How names match; null for the defaults.</param>
    /// <param name="progress">Told after each tensor.</param>
    /// <param name="cancellationToken">Ends the loading.</param>
    /// <exception cref="HorizonException">
    /// Tensors are missing, of another shape than the layout's, of no float type, or not finite; or a file cannot be read.
    /// </exception>
    public static async Task<LoadResult> LoadAsync(
        CheckpointFolder checkpoint,
        IReadOnlyList<UnitState> units,
        LoadOptions? options = null,
        IProgress<LoadProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        ArgumentNullException.ThrowIfNull(units);
        var work = Match(checkpoint, units, options ?? new LoadOptions());
        foreach (var (tensor, destination) in work) destination.Begin(tensor);

        var totalBytes = work.Sum(item => item.Tensor.ByteLength);
        var bytesRead = 0L;
        void Report(TensorInfo tensor)
        {
            bytesRead += tensor.ByteLength;
            progress?.Report(new LoadProgress(tensor, bytesRead, totalBytes));
        }

        var workByFile = work.ToLookup(item => item.Tensor.File);
        foreach (var file in checkpoint.Files)
        {
            var inFileOrder = workByFile[file.Path].OrderBy(item => item.Tensor.Offset).ToArray();
            if (inFileOrder.Length > 0) await file.ReadAsync(inFileOrder, Report, cancellationToken).ConfigureAwait(false);
        }

        return new LoadResult(work.Count, bytesRead, Unexpected(checkpoint, work))
        {
            TiedHeadDistance = await CompareTiedHeadAsync(checkpoint, units, work, cancellationToken).ConfigureAwait(false),
        };
    }

    // A checkpoint of a model whose head is its embedding may hold the matrix once more; another one in its place would be dropped.
    private static async Task<double?> CompareTiedHeadAsync(
        CheckpointFolder checkpoint, IReadOnlyList<UnitState> units, List<(TensorInfo Tensor, ITensorDestination Destination)> work, CancellationToken cancellationToken)
    {
        if (checkpoint.Find(Head) is not { } head || work.Any(item => item.Tensor == head)) return null;
        var places = units.SelectMany(unit => unit.Layout.Parameters.Select(slot => (Unit: unit, Slot: slot)));
        if (places.FirstOrDefault(place => place.Slot.Role == Embedding) is not { Unit: { } unit, Slot: { } slot }) return null;
        if (!head.Shape.SequenceEqual(slot.Shape)) return double.PositiveInfinity;
        var copy = new TiedCopy(unit, slot);
        await checkpoint.Files.Single(file => file.Path == head.File).ReadAsync(Head, copy, cancellationToken).ConfigureAwait(false);
        return copy.Distance;
    }

    private static List<(TensorInfo Tensor, ITensorDestination Destination)> Match(
        CheckpointFolder checkpoint, IReadOnlyList<UnitState> units, LoadOptions options)
    {
        var work = new List<(TensorInfo, ITensorDestination)>();
        var missing = new List<string>();
        foreach (var unit in units)
        {
            foreach (var slot in unit.Layout.Parameters)
            {
                if (Find(checkpoint, options.Alias?.Invoke(slot.TensorName) ?? slot.TensorName) is { } tensor)
                    work.Add((tensor, new SlotDestination(unit, slot)));
                else
                    missing.Add(slot.TensorName);
            }
        }

        return missing.Count == 0 ? work : throw Missing(checkpoint, missing);
    }

    private static TensorInfo? Find(CheckpointFolder checkpoint, string name) =>
        checkpoint.Find(name)
        ?? checkpoint.Find(name.StartsWith(Prefix, StringComparison.Ordinal) ? name[Prefix.Length..] : Prefix + name);

    private static HorizonException Missing(CheckpointFolder checkpoint, List<string> missing)
    {
        const int Named = 5;
        var named = missing.Take(Named).Select(name =>
            NearestName.Find(name, checkpoint.TensorNames) is { } nearest ? $"{name} (nearest: {nearest.Shown()})" : name);
        var more = missing.Count > Named ? $" and {missing.Count - Named} more" : "";
        return new HorizonException(
            $"{checkpoint.Path} lacks {missing.Count} tensors that its config.json asks for: {string.Join(", ", named)}{more}");
    }

    private static string[] Unexpected(CheckpointFolder checkpoint, List<(TensorInfo Tensor, ITensorDestination Destination)> work)
    {
        var used = work.Select(item => item.Tensor.Name).ToHashSet(StringComparer.Ordinal);
        return [.. checkpoint.TensorNames
            .Where(name => !used.Contains(name) && !HarmlessEndings.Any(ending => name.EndsWith(ending, StringComparison.Ordinal)))
            .Order(StringComparer.Ordinal)];
    }
}
