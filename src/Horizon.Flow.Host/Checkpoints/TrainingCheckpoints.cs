using System.Globalization;
using Horizon.Flow.Host.Files;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Safetensors;
using Horizon.Flow.Host.Store;

namespace Horizon.Flow.Host.Checkpoints;

/// <summary>
/// A folder of resumable checkpoints, <c>step-N</c> each. Whatever happens to the process that writes, each is whole or not there; names that
/// begin with <c>.step-</c> are work in progress or leftovers of a process that died.
/// </summary>
public sealed class TrainingCheckpoints : ICheckpointTarget
{
    private const string Prefix = "step-";
    private const string TemporaryPrefix = "." + Prefix;

    private readonly int _keep;
    private long _pinned;

    /// <summary>Looks at a folder, which need not be there yet.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="keep">How many of the newest checkpoints stay when another is complete; the last good one stays beside them, and <see cref="Pinned"/>.</param>
    public TrainingCheckpoints(string path, int keep = int.MaxValue)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentOutOfRangeException.ThrowIfLessThan(keep, 1);
        Path = path;
        _keep = keep;
    }

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>The step of a checkpoint that stays however old it is; 0 for none.</summary>
    public long Pinned
    {
        get => Interlocked.Read(ref _pinned);
        set => Interlocked.Exchange(ref _pinned, value);
    }

    /// <summary>The steps of all checkpoints that claim to be complete, newest first.</summary>
    public IReadOnlyList<long> Steps => !Directory.Exists(Path) ? [] :
    [
        .. Directory.EnumerateDirectories(Path).Select(System.IO.Path.GetFileName).Select(StepOf).OfType<long>()
            .Where(step => UntrustedFile.IsThere(System.IO.Path.Combine(PathOf(step), ManifestFile.Name)))
            .OrderDescending(),
    ];

    /// <summary>Where the checkpoint of a step lies.</summary>
    public string PathOf(long step) => System.IO.Path.Combine(Path, string.Create(CultureInfo.InvariantCulture, $"{Prefix}{step}"));

    /// <summary>Opens the checkpoint of a step and checks its manifest.</summary>
    /// <exception cref="HorizonException">It is damaged, missing, of a newer format, of another step than its name says, or a link out of the folder.</exception>
    public TrainingCheckpoint Open(long step)
    {
        var path = PathOf(step);
        UntrustedFile.RefuseLinkOutside(path, Path);
        var checkpoint = TrainingCheckpoint.Open(path);
        return checkpoint.Manifest.Step == step ? checkpoint
            : throw new HorizonException($"{path} holds the state of step {checkpoint.Manifest.Step}, which its name contradicts; rename it to {Prefix}{checkpoint.Manifest.Step}, or remove it");
    }

    /// <summary>
    /// Fills a store from the newest whole checkpoint. One that is damaged is passed over for the next older one, aloud; one that is whole but
    /// of another model, optimizer, precision, run or newer format is refused: an older one would be too.
    /// </summary>
    /// <param name="store">Filled in place, without a second copy in memory; after an error its contents are undefined, and it is marked so.</param>
    /// <param name="contents">What the store holds, or would if it had whole units.</param>
    /// <param name="warn">Is told of each damaged checkpoint, in a sentence.</param>
    /// <param name="check">Further differences that the caller sees, a few words each; asked before anything is loaded.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="cut">Where the store has slices of the units: which; null where it has whole ones.</param>
    /// <returns>The checkpoint that was loaded; null where there is none at all.</returns>
    /// <exception cref="HorizonException">The checkpoint does not go with the run: every difference is listed. Or none is whole.</exception>
    public async Task<TrainingCheckpoint?> LoadNewestAsync(
        ParameterStore store,
        CheckpointContents contents,
        Action<string> warn,
        Func<CheckpointManifest, IEnumerable<string>>? check = null,
        CancellationToken cancellationToken = default,
        CheckpointCut? cut = null)
    {
        ArgumentNullException.ThrowIfNull(store);
        ArgumentNullException.ThrowIfNull(contents);
        ArgumentNullException.ThrowIfNull(warn);
        var steps = Steps;
        HorizonException? first = null;
        foreach (var step in steps)
        {
            try
            {
                var checkpoint = Open(step);
                checkpoint.Require(contents, check?.Invoke(checkpoint.Manifest) ?? []);
                await checkpoint.LoadAsync(store, contents, cancellationToken, cut).ConfigureAwait(false);
                return checkpoint;
            }
            catch (HorizonException damage) when (damage.InnerException is not (NewerFormatException or OtherRunException))
            {
                first ??= damage;
                var older = steps.Where(other => other < step).DefaultIfEmpty(-1).First();
                warn($"{damage.Message}; {(older < 0 ? "there is no older checkpoint" : $"going on from the older {PathOf(older)}")}");
            }
        }

        return first is null ? null
            : throw new HorizonException($"no checkpoint in {Path} is whole: {first.Message}; restore one from a backup, or remove the folder to begin again", first);
    }

    /// <summary>Removes what a process that died has left unfinished.</summary>
    /// <exception cref="HorizonException">It cannot be removed.</exception>
    public void RemoveUnfinished() => Guard(() =>
    {
        OutputFile.RefuseLinkToNoFolder(Path);
        if (!Directory.Exists(Path)) return;
        foreach (var left in Directory.EnumerateDirectories(Path, TemporaryPrefix + "*").ToList()) Directory.Delete(left, recursive: true);
    });

    /// <inheritdoc/>
    public ICheckpointDraft Begin(long step, long byteLength)
    {
        RemoveUnfinished();
        return Begin(step, byteLength, null);
    }

    /// <summary>Begins one slice of a checkpoint that several processes write together, each a slice of every unit. The folder is the same for all of them.</summary>
    /// <param name="step">The step after which the state was taken.</param>
    /// <param name="byteLength">How much this slice has.</param>
    /// <param name="slice">By unit, which of its slices in the order in which they lie in it, from 0.</param>
    /// <param name="slices">How many there are.</param>
    /// <exception cref="HorizonException">There is no room, or nothing can be written there.</exception>
    /// <remarks>Leftovers are not cleared away, for they may be the work of the others: <see cref="RemoveUnfinished"/> is for the start of a run.</remarks>
    public ICheckpointSliceDraft BeginSlice(long step, long byteLength, Func<int, int> slice, int slices)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(slices, 1);
        ArgumentNullException.ThrowIfNull(slice);
        return Begin(step, byteLength, (slice, slices));
    }

    private CheckpointDraft Begin(long step, long byteLength, (Func<int, int> Of, int Count)? slice)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        CheckpointDraft? draft = null;
        Guard(() =>
        {
            Directory.CreateDirectory(Path);
            var free = new DriveInfo(System.IO.Path.GetFullPath(Path)).AvailableFreeSpace;
            if (free < byteLength) throw new IOException($"it needs {new ByteSize(byteLength)}, the disk has {new ByteSize(free)} left");
            draft = new CheckpointDraft(this, step, slice);
        });
        return draft!;
    }

    /// <inheritdoc/>
    /// <remarks>
    /// The newest one that a step was applied after always stays: its parameters gave a finite loss and gradient. Of later ones that is not
    /// known, and where every step since was skipped they are worth nothing.
    /// </remarks>
    public void Prune(long step) => Guard(() =>
    {
        var steps = Steps.Where(other => other <= step).ToList();
        if (steps.Count <= _keep) return;
        var applied = Updates(steps[0]);
        var good = steps.Skip(1).Cast<long?>().FirstOrDefault(other => Updates(other!.Value) < applied);
        foreach (var old in steps.Skip(_keep).Where(old => old != good && old != Pinned)) Delete(old);
    });

    internal string TemporaryPath(long step) => System.IO.Path.Combine(Path, string.Create(CultureInfo.InvariantCulture, $"{TemporaryPrefix}{step}{PartialFile.Suffix}"));

    /// <summary>Renamed first, so that at no moment a folder with half its files looks like a checkpoint.</summary>
    internal void Delete(long step)
    {
        var doomed = System.IO.Path.Combine(Path, string.Create(CultureInfo.InvariantCulture, $"{TemporaryPrefix}{step}.old"));
        if (Directory.Exists(doomed)) Directory.Delete(doomed, recursive: true);
        Directory.Move(PathOf(step), doomed);
        Directory.Delete(doomed, recursive: true);
    }

    /// <summary>Removes a checkpoint, whole or damaged, to make room for another of its step; a folder with anything else in it is nobody's to remove.</summary>
    /// <exception cref="HorizonException">It holds something that no checkpoint has.</exception>
    internal void Replace(long step)
    {
        var path = PathOf(step);
        var strange = new DirectoryInfo(path).LinkTarget is not null ? null
            : Directory.EnumerateFileSystemEntries(path).Select(System.IO.Path.GetFileName).FirstOrDefault(name =>
                name != ManifestFile.Name && !ManifestFile.IsUnitFileName(name!));
        if (strange is not null) throw new HorizonException($"{path} is no checkpoint: '{strange}' lies in it; move it away, or name another output.directory");
        Delete(step);
    }

    internal static HorizonException Unwritable(string path, Exception error) =>
        new($"cannot write the checkpoint {path}: {error.Reason()}; free space there", error);

    private long? Updates(long step)
    {
        try
        {
            return Open(step).Manifest.Updates;
        }
        catch (HorizonException)
        {
            return null; // a damaged one is no good one
        }
    }

    private static long? StepOf(string? name) =>
        name is not null && name.StartsWith(Prefix, StringComparison.Ordinal)
        && long.TryParse(name.AsSpan(Prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var step)
        && name == string.Create(CultureInfo.InvariantCulture, $"{Prefix}{step}") ? step : null;

    private void Guard(Action work)
    {
        try
        {
            work();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw Unwritable(Path, error);
        }
    }
}
