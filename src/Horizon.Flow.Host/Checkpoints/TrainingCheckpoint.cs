using System.IO.Hashing;
using Horizon.Flow.Host.Files;
using Horizon.Flow.Host.Memory;
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
    /// <param name="cut">Where the store has slices of the units: which; null where it has whole ones. Files that hold nothing of them are not read.</param>
    /// <exception cref="HorizonException">A file is damaged or missing (named), or the checkpoint is of another run.</exception>
    public async Task LoadAsync(ParameterStore store, CheckpointContents contents, CancellationToken cancellationToken = default, CheckpointCut? cut = null)
    {
        ArgumentNullException.ThrowIfNull(store);
        Require(contents, []);
        foreach (var file in Manifest.Files) CheckLength(file);
        store.MarkDamaged($"the checkpoint {Path} was loaded in part");
        for (var unit = 0; unit < store.Units.Count; unit++)
        {
            var whole = contents.Units[unit].WithStateAs(Manifest.Contents.Units[unit]);
            var own = cut is null ? whole : cut.Slices.Units[unit].WithStateAs(Manifest.Contents.Units[unit]);
            // A frozen unit that was trained before has masters and moments in the checkpoint, and keeps them here too.
            if (!own.IsTrained && own.HasDifference != store.Units[unit].Difference is not null) store.Units[unit].FitDifference(own.HasDifference);
            if (!own.IsTrained && own.HasState != store.Units[unit].OptimizerState.Count > 0) store.Units[unit].RenewOptimizerState(own.DescribeState());
            await LoadAsync(unit, whole, UnitImage.Of(store.Units[unit], own), cut?.StartsOf(unit, whole), cancellationToken).ConfigureAwait(false);
        }

        for (var unit = 0; unit < store.Units.Count; unit++) store.Units[unit].Updates = Manifest.CountsOf(unit).Updates;
        store.Reset(Manifest.Step, [.. Enumerable.Range(0, store.Units.Count).Select(unit => Manifest.CountsOf(unit).Version)]);
    }

    // The files of a unit hold its buffers one slice after the other; the store wants all of them, or a range.
    private async Task LoadAsync(int unit, UnitContents whole, UnitImage image, IReadOnlyList<long>? starts, CancellationToken cancellationToken)
    {
        var position = new long[whole.Buffers.Count];
        var held = image.Contents.Buffers.Zip(image.Places).ToDictionary(pair => pair.First.Name, pair => pair.Second);
        var places = whole.Buffers.Select(buffer => held.GetValueOrDefault(buffer.Name)).ToList();
        foreach (var file in Manifest.FilesOf(unit))
        {
            var path = System.IO.Path.Combine(Path, file.Name);
            using var tensors = SafetensorsFile.Open(path);
            var hash = new XxHash128();
            var work = new List<(TensorInfo Tensor, ITensorDestination Destination)>();
            var wanted = false;
            for (var i = 0; i < position.Length; i++)
            {
                var (buffer, place) = (whole.Buffers[i], places[i]);
                // A slice need not have some of everything.
                if (!tensors.Tensors.TryGetValue(buffer.Name, out var tensor) && Manifest.Slices is not null) continue;
                if (tensor is null || tensor.Type != buffer.Type.ToSafetensors() || tensor.Shape.Count != 1)
                    throw Damaged(path, $"it lacks {buffer}");
                var piece = new PieceDestination(place.Buffer, place.Offset, place.Length, position[i] - (starts?[i] ?? 0));
                wanted |= piece.Wants(tensor.ByteLength);
                position[i] += tensor.ByteLength;
                work.Add((tensor, new HashingDestination(piece, hash)));
            }

            if (work.Count != tensors.Tensors.Count) throw Damaged(path, "it holds more than it should");
            if (!wanted && work.Count > 0) continue;
            // The header covers the data without holes, so in this order every byte of the file is hashed once.
            work.Sort((a, b) => (a.Tensor.Offset, a.Tensor.ByteLength).CompareTo((b.Tensor.Offset, b.Tensor.ByteLength)));
            hash.Append(ReadHeader(path, work.Count == 0 ? file.Bytes : work[0].Tensor.Offset));
            await tensors.ReadAsync(work, cancellationToken: cancellationToken).ConfigureAwait(false);
            if (Checksums.End(hash) != file.Checksum) throw Damaged(path, "its checksum is not the manifest's");
        }

        for (var i = 0; i < position.Length; i++)
        {
            if (position[i] != whole.Buffers[i].Elements * whole.Buffers[i].Type.ByteSize())
                throw Damaged(System.IO.Path.Combine(Path, Manifest.FilesOf(unit)[^1].Name), $"it lacks {whole.Buffers[i]}");
        }
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
