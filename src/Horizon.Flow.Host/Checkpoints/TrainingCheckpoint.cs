using System.IO.Hashing;
using Horizon.Flow.Host.Files;
using Horizon.Flow.Host.Safetensors;
using Horizon.Flow.Host.Store;

namespace Horizon.Flow.Host.Checkpoints;

/// <summary>One complete checkpoint. Its files are untrusted: what is loaded is what was written, bit for bit, or an error.</summary>
public sealed class TrainingCheckpoint
{
    // More differences than one reads tell nothing new.
    private const int MostDifferences = 12;

    private TrainingCheckpoint(string path, CheckpointManifest manifest)
    {
        Path = path;
        Manifest = manifest;
    }

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>What it says of itself.</summary>
    public CheckpointManifest Manifest { get; }

    /// <summary>Reads the manifest and checks it.</summary>
    /// <exception cref="HorizonException">It is damaged, missing, or of a newer format.</exception>
    public static TrainingCheckpoint Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return new TrainingCheckpoint(path, ManifestFile.Read(path));
    }

    /// <summary>Refuses a checkpoint that is whole but of another run.</summary>
    /// <param name="contents">What the run's store holds.</param>
    /// <param name="others">Further differences, a few words each.</param>
    /// <exception cref="HorizonException">There are differences: all are listed, a line each.</exception>
    public void Require(CheckpointContents contents, IEnumerable<string> others)
    {
        ArgumentNullException.ThrowIfNull(contents);
        List<string> differences = [.. contents.DifferencesFrom(Manifest.Contents), .. others];
        if (differences.Count == 0) return;
        string[] more = differences.Count > MostDifferences ? [$"and {differences.Count - MostDifferences} more differences"] : [];
        throw new HorizonException(
            [$"the checkpoint {Path} is not one of this run; take its own configuration, or another output.directory to begin anew:", .. differences.Take(MostDifferences), .. more],
            new OtherRunException());
    }

    /// <summary>Reads every unit straight into the store's buffers, checks the files' checksums on the way, and sets the store's step and each unit's counts.</summary>
    /// <param name="store">The store; until this has ended well it is marked as damaged.</param>
    /// <param name="contents">What the store holds; must equal the manifest's.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="HorizonException">A file is damaged or missing (named), or the checkpoint is of another run.</exception>
    public async Task LoadAsync(ParameterStore store, CheckpointContents contents, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(store);
        Require(contents, []);
        foreach (var file in Manifest.Files) CheckLength(file);
        store.MarkDamaged($"the checkpoint {Path} was loaded in part");
        for (var unit = 0; unit < store.Units.Count; unit++)
        {
            var saved = contents.Units[unit].WithStateAs(Manifest.Contents.Units[unit]);
            // A frozen unit that was trained before has masters and moments in the checkpoint, and keeps them here too.
            if (!saved.IsTrained && saved.HasDifference != store.Units[unit].Difference is not null) store.Units[unit].FitDifference(saved.HasDifference);
            if (!saved.IsTrained && saved.HasState != store.Units[unit].OptimizerState.Count > 0) store.Units[unit].RenewOptimizerState(saved.DescribeState());
            await LoadAsync(Manifest.Files[unit], UnitImage.Of(store.Units[unit], saved), cancellationToken).ConfigureAwait(false);
        }

        for (var unit = 0; unit < store.Units.Count; unit++) store.Units[unit].Updates = Manifest.CountsOf(unit).Updates;
        store.Reset(Manifest.Step, [.. Enumerable.Range(0, store.Units.Count).Select(unit => Manifest.CountsOf(unit).Version)]);
    }

    private async Task LoadAsync(CheckpointFile file, UnitImage image, CancellationToken cancellationToken)
    {
        var path = System.IO.Path.Combine(Path, file.Name);
        using var tensors = SafetensorsFile.Open(path);
        var hash = new XxHash128();
        var work = new List<(TensorInfo Tensor, ITensorDestination Destination)>();
        foreach (var (buffer, destination) in image.Destinations)
        {
            if (!tensors.Tensors.TryGetValue(buffer.Name, out var tensor) || tensor.Type != buffer.Type.ToSafetensors() || !tensor.Shape.SequenceEqual([buffer.Elements]))
                throw Damaged(path, $"it lacks {buffer}");
            work.Add((tensor, new HashingDestination(destination, hash)));
        }

        if (work.Count != tensors.Tensors.Count) throw Damaged(path, "it holds more than it should");
        // The header covers the data without holes, so in this order every byte of the file is hashed once.
        work.Sort((a, b) => (a.Tensor.Offset, a.Tensor.ByteLength).CompareTo((b.Tensor.Offset, b.Tensor.ByteLength)));
        hash.Append(ReadHeader(path, work.Count == 0 ? file.Bytes : work[0].Tensor.Offset));
        await tensors.ReadAsync(work, cancellationToken: cancellationToken).ConfigureAwait(false);
        if (Checksums.End(hash) != file.Checksum) throw Damaged(path, "its checksum is not the manifest's");
    }

    private static byte[] ReadHeader(string path, long length)
    {
        try
        {
            using var file = UntrustedFile.OpenRead(path, long.MaxValue, "a unit of a checkpoint");
            var header = new byte[length];
            file.ReadExactly(header);
            return header;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new HorizonException($"cannot read {path}: {error.Reason()}", error);
        }
    }

    private void CheckLength(CheckpointFile file)
    {
        var path = System.IO.Path.Combine(Path, file.Name);
        if (!UntrustedFile.IsThere(path)) throw Damaged(path, "it is missing");
        var length = UntrustedFile.Length(path);
        if (length != file.Bytes) throw Damaged(path, $"it has {length} bytes, not {file.Bytes}");
    }

    private static HorizonException Damaged(string path, string why) => new($"{path} is damaged: {why}");
}
