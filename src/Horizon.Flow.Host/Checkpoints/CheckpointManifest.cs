namespace Horizon.Flow.Host.Checkpoints;

/// <summary>What a checkpoint says of itself: everything but the units' buffers, which lie in one safetensors file for each unit.</summary>
/// <param name="Format">The version of this format.</param>
/// <param name="Step">The step after which the state was taken.</param>
/// <param name="Contents">What kind of state it is.</param>
/// <param name="Configuration">The run's configuration as YAML; may be empty.</param>
/// <param name="ConfigurationChecksum">XXH128 of that text.</param>
/// <param name="Progress">What else the run needs to go on, such as its place in the data; free for whoever writes it.</param>
/// <param name="Files">A file for each unit, or for each slice of it, in the model's order.</param>
public sealed record CheckpointManifest(
    int Format,
    long Step,
    CheckpointContents Contents,
    string Configuration,
    string ConfigurationChecksum,
    IReadOnlyDictionary<string, string> Progress,
    IReadOnlyList<CheckpointFile> Files)
{
    /// <summary>The newest format that this version reads, and the one it writes for units in slices (<see cref="Slices"/>).</summary>
    public const int CurrentFormat = 3;

    // Of whole units, which earlier versions read too.
    internal const int WholeFormat = 2;

    /// <summary>Into how many slices each unit is cut, a file for each, in order; null where there is one file a unit. The contents are those of whole units.</summary>
    public int? Slices { get; init; }

    /// <summary>How far each unit was, in the model's order; null in format 1, whose units all stood at <see cref="Step"/>.</summary>
    public IReadOnlyList<UnitCounts>? Counts { get; init; }

    /// <summary>Format 1 only: updates of every unit.</summary>
    public long? AppliedSteps { get; init; }

    /// <summary>Updates of all units together: it stands still where a step was skipped.</summary>
    internal long Updates => Enumerable.Range(0, Contents.Units.Count).Sum(unit => CountsOf(unit).Updates);

    /// <summary>A manifest before its files are written.</summary>
    public static CheckpointManifest Of(
        long step, IReadOnlyList<UnitCounts> counts, CheckpointContents contents, string configuration = "", IReadOnlyDictionary<string, string>? progress = null) =>
        new(WholeFormat, step, contents, configuration, Checksums.Of(configuration), progress ?? new Dictionary<string, string>(), []) { Counts = counts };

    /// <summary>The same for units in slices.</summary>
    /// <param name="contents">Of whole units.</param>
    /// <param name="files">[slices][units]: the files of each slice.</param>
    /// <param name="order">By unit, [slices]: the slices in the order in which they lie in it; as they are given by default.</param>
    public CheckpointManifest InSlices(CheckpointContents contents, IReadOnlyList<IReadOnlyList<CheckpointFile>> files, Func<int, IReadOnlyList<int>>? order = null)
    {
        ArgumentNullException.ThrowIfNull(contents);
        ArgumentNullException.ThrowIfNull(files);
        return this with
        {
            Format = CurrentFormat,
            Contents = contents,
            Slices = files.Count,
            Files = [.. Enumerable.Range(0, contents.Units.Count).SelectMany(unit => (order?.Invoke(unit).Select(slice => files[slice]) ?? files).Select(slice => slice[unit]))],
        };
    }

    /// <summary>The files of a unit, in the order of its slices.</summary>
    public IReadOnlyList<CheckpointFile> FilesOf(int unit) => [.. Files.Skip(unit * (Slices ?? 1)).Take(Slices ?? 1)];

    /// <summary>How far a unit was, in every format.</summary>
    public UnitCounts CountsOf(int unit) =>
        Counts?[unit] ?? (Contents.Units[unit].IsTrained ? new UnitCounts(Step, AppliedSteps ?? 0) : default);

    /// <summary>Bytes of all files.</summary>
    public long ByteLength => Files.Sum(file => file.Bytes);
}
