using Horizon.Flow.Host.Safetensors;
using Horizon.Flow.Host.Store;

namespace Horizon.Flow.Host.ModelFolders;

/// <summary>
/// Fills a store from a model folder; parameters that it holds as MXFP4 (gpt-oss's experts) or as 8-bit floats with scales (DeepSeek-V3's) become what they stand for. Names, shapes and types
/// of all tensors are checked before the first byte is read; then each file is read once, in file order, straight into the units' buffers, but for scales, which are read first.
/// </summary>
public static class StoreLoader
{
    private const string Prefix = "model.";
    private const string Head = "lm_head.weight";
    // A role: what the file calls the matrix differs from family to family.
    private const string Embedding = "embed_tokens.weight";

    private static readonly string[] HarmlessEndings =
        [Head, ".activation_scale", ".input_scale", "rotary_emb.inv_freq", "rotary_emb.cos_cached", "rotary_emb.sin_cached"];

    /// <summary>Reads every parameter of <paramref name="units"/> from <paramref name="files"/>.</summary>
    /// <param name="files">The opened folder.</param>
    /// <param name="units">The store. After an error or a cancellation its contents are undefined.</param>
    /// <param name="options">How names match; null for the defaults.</param>
    /// <param name="progress">Told after each tensor.</param>
    /// <param name="cancellationToken">Ends the loading.</param>
    /// <exception cref="HorizonException">
    /// Tensors are missing, of another shape than the layout's, of no float type, or not finite; or a file cannot be read.
    /// </exception>
    public static async Task<LoadResult> LoadAsync(
        WeightFiles files,
        IReadOnlyList<UnitState> units,
        LoadOptions? options = null,
        IProgress<LoadProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(files);
        ArgumentNullException.ThrowIfNull(units);
        var (work, missing) = Find(files, units, options ?? new LoadOptions());

        var totalBytes = work.Sum(item => item.Tensor.ByteLength);
        var bytesRead = 0L;
        void Report(TensorInfo tensor)
        {
            bytesRead += tensor.ByteLength;
            progress?.Report(new LoadProgress(tensor, bytesRead, totalBytes));
        }

        foreach (var scales in (bool[])[true, false])
        {
            var workByFile = work.Where(item => item.Destination is WeightScales == scales).ToLookup(item => item.Tensor.File);
            await ReadAsync(files, workByFile, Report, cancellationToken).ConfigureAwait(false);
        }

        return new LoadResult(work.Count, bytesRead, Unexpected(files, work, options))
        {
            Missing = missing,
            TiedHeadDistance = options?.Wholes is not null ? null : await CompareTiedHeadAsync(files, units, work, options?.MayGrow, cancellationToken).ConfigureAwait(false),
        };
    }

    private static async Task ReadAsync(
        WeightFiles files, ILookup<string, (TensorInfo Tensor, ITensorDestination Destination)> workByFile, Action<TensorInfo> report, CancellationToken cancellationToken)
    {
        foreach (var file in files.Files)
        {
            var inFileOrder = workByFile[file.Path].OrderBy(item => item.Tensor.Offset).ToArray();
            if (inFileOrder.Length > 0) await file.ReadAsync(inFileOrder, report, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Finds every parameter of <paramref name="units"/> and checks names, shapes and types, without reading one.</summary>
    /// <param name="files">The opened folder.</param>
    /// <param name="units">The store.</param>
    /// <param name="options">How names match.</param>
    /// <returns>Each tensor, and where it goes.</returns>
    /// <exception cref="HorizonException">Tensors are missing, of another shape than the layout's, or of no float type.</exception>
    public static IReadOnlyList<(TensorInfo Tensor, ITensorDestination Destination)> Check(WeightFiles files, IReadOnlyList<UnitState> units, LoadOptions options)
    {
        ArgumentNullException.ThrowIfNull(files);
        ArgumentNullException.ThrowIfNull(units);
        ArgumentNullException.ThrowIfNull(options);
        return Find(files, units, options).Work;
    }

    private static (List<(TensorInfo Tensor, ITensorDestination Destination)> Work, IReadOnlyList<string> Missing) Find(WeightFiles files, IReadOnlyList<UnitState> units, LoadOptions options)
    {
        var (found, missing) = Match(files, units, options);
        // Rows of one tensor may lie in several units.
        var work = found.GroupBy(item => item.Tensor).Select(tensor => tensor.Count() == 1 ? tensor.First() : (tensor.Key, Together(tensor.Key, [.. tensor.Select(item => item.Destination)]))).ToList();
        foreach (var (tensor, destination) in work) destination.Begin(tensor);
        return (work, missing);
    }

    private static ITensorDestination Together(TensorInfo tensor, IReadOnlyList<ITensorDestination> destinations) => destinations[0] is not WeightScales ? new SeveralDestinations(destinations)
        : throw new HorizonException($"{tensor.File} holds parameters of several units as 8-bit floats with the scales '{tensor.Name}'; load them as one unit (training.expert_parts: 1)");

    // A folder of a model whose head is its embedding may hold the matrix once more; another one in its place would be dropped.
    private static async Task<double?> CompareTiedHeadAsync(
        WeightFiles files, IReadOnlyList<UnitState> units, List<(TensorInfo Tensor, ITensorDestination Destination)> work, Func<string, bool>? mayGrow, CancellationToken cancellationToken)
    {
        if (files.Find(Head) is not { } head || work.Any(item => item.Tensor == head)) return null;
        var places = units.SelectMany(unit => unit.Layout.Parameters.Select(slot => (Unit: unit, Slot: slot)));
        if (places.FirstOrDefault(place => place.Slot.Role == Embedding) is not { Unit: { } unit, Slot: { } slot }) return null;
        if (!head.Shape.SequenceEqual(slot.Shape) && !(mayGrow?.Invoke(slot.Role) == true && SlotDestination.IsBeginning(head.Shape, slot.Shape))) return double.PositiveInfinity;
        var copy = new TiedCopy(unit, slot);
        await files.Files.Single(file => file.Path == head.File).ReadAsync(Head, copy, cancellationToken).ConfigureAwait(false);
        return copy.Distance;
    }

    private static (List<(TensorInfo Tensor, ITensorDestination Destination)> Found, IReadOnlyList<string> Missing) Match(
        WeightFiles files, IReadOnlyList<UnitState> units, LoadOptions options)
    {
        var work = new List<(TensorInfo, ITensorDestination)>();
        var missing = new List<string>();
        for (var i = 0; i < units.Count; i++)
        {
            var unit = units[i];
            var (whole, pieces) = options.Wholes?[i] ?? (unit.Layout, [new UnitPiece(0, unit.Layout.ElementCount, 0)]);
            foreach (var slot in whole.Parameters.Where(slot => pieces.Any(piece => piece.Within(slot.Offset, slot.Count).Count > 0)))
            {
                if (options.Wanted?.Invoke(slot) == false) continue;
                var name = options.Alias?.Invoke(slot.TensorName) ?? slot.TensorName;
                if (Find(files, name) is { } tensor)
                {
                    var scales = WeightScales.Find(ending => Find(files, name + ending), tensor);
                    if (scales is { } beside) work.Add(beside);
                    work.Add((tensor, new SlotDestination(unit, slot, options.Wholes is null ? null : pieces, options.MayGrow?.Invoke(slot.Role) ?? false) { Scales = scales?.Destination }));
                }
                else if (options.Wholes is not null && MicroscaledHalf.Find(ending => Find(files, name + ending), unit, slot) is { Count: > 0 })
                    throw new HorizonException($"{files.Path} holds '{name}' in 4-bit blocks, which cannot be loaded in slices; load and export it on one rank first");
                else if (MicroscaledHalf.Find(ending => Find(files, name + ending), unit, slot) is { Count: > 0 } halves)
                    work.AddRange(halves);
                else
                    missing.Add(slot.TensorName);
            }
        }

        List<string> needed = [.. missing.Where(name => options.MayMiss?.Invoke(name) != true)];
        return needed.Count == 0 ? (work, missing) : throw Missing(files, needed);
    }

    private static TensorInfo? Find(WeightFiles files, string name) =>
        files.Find(name)
        ?? files.Find(name.StartsWith(Prefix, StringComparison.Ordinal) ? name[Prefix.Length..] : Prefix + name);

    private static HorizonException Missing(WeightFiles files, List<string> missing)
    {
        const int Named = 5;
        var named = missing.Take(Named).Select(name =>
            NearestName.Find(name, files.TensorNames) is { } nearest ? $"{name} (nearest: {nearest.Shown()})" : name);
        var more = missing.Count > Named ? $" and {missing.Count - Named} more" : "";
        return new HorizonException(
            $"{files.Path} lacks {missing.Count} tensors that its config.json asks for: {string.Join(", ", named)}{more}");
    }

    private static string[] Unexpected(WeightFiles files, List<(TensorInfo Tensor, ITensorDestination Destination)> work, LoadOptions? options)
    {
        var used = work.Select(item => item.Tensor.Name).ToHashSet(StringComparer.Ordinal);
        // Other slices use what this one does not.
        foreach (var slot in options?.Wholes?.SelectMany(unit => unit.Whole.Parameters) ?? [])
        {
            var name = options!.Alias?.Invoke(slot.TensorName) ?? slot.TensorName;
            if (Find(files, name) is not { } tensor) continue;
            used.Add(tensor.Name);
            if (WeightScales.Find(ending => Find(files, name + ending), tensor) is { } scales) used.Add(scales.Tensor.Name);
        }

        return [.. files.TensorNames
            .Where(name => !used.Contains(name) && !HarmlessEndings.Any(ending => name.EndsWith(ending, StringComparison.Ordinal)))
            .Order(StringComparer.Ordinal)];
    }
}
