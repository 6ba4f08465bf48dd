using Horizon.Flow.Host.Files;
using Horizon.Flow.Host.Safetensors;

namespace Horizon.Flow.Host.Checkpoints;

/// <summary>
/// A checkpoint in a temporary folder beside the others: every file flushed to disk, the manifest last, then the folder itself, then renamed to
/// its place. A process that dies at any moment leaves either no <c>step-N</c> or a whole one.
/// </summary>
internal sealed class CheckpointDraft : ICheckpointDraft, ICheckpointSliceDraft
{
    private readonly TrainingCheckpoints _folder;
    private readonly long _step;
    private readonly string _partial;
    private readonly Dictionary<int, CheckpointFile> _files = [];
    private Task _flushed = Task.CompletedTask;
    private readonly (Func<int, int> Of, int Count)? _slice;
    private bool _committed;

    public CheckpointDraft(TrainingCheckpoints folder, long step, (Func<int, int> Of, int Count)? slice = null)
    {
        (_folder, _step, _slice) = (folder, step, slice);
        _partial = folder.TemporaryPath(step);
        Directory.CreateDirectory(_partial);
    }

    public Task WriteUnitAsync(int unit, UnitImage image, CancellationToken cancellationToken) => GuardAsync(async () =>
    {
        var parts = image.Parts;
        var (file, stream) = await ChecksummedFile.WriteAsync(
            Path.Combine(_partial, ManifestFile.UnitFileName(unit, _slice?.Of(unit) ?? 0, _slice?.Count)),
            SafetensorsWriter.FileLength(parts),
            writer => SafetensorsWriter.WriteAsync(writer, parts, null, cancellationToken),
            cancellationToken).ConfigureAwait(false);
        _files[unit] = file;
        // The unit may change now: the disk gets it from the system, while the next one is written.
        _flushed = FlushAsync(stream, _flushed);
        return true;
    });

    public Task<IReadOnlyList<CheckpointFile>> FinishAsync(CancellationToken cancellationToken) => GuardAsync<IReadOnlyList<CheckpointFile>>(async () =>
    {
        await _flushed.WaitAsync(cancellationToken).ConfigureAwait(false);
        return [.. _files.OrderBy(file => file.Key).Select(file => file.Value)];
    });

    public Task<string> CommitAsync(CheckpointManifest manifest, CancellationToken cancellationToken) => GuardAsync(async () =>
    {
        var bytes = ManifestFile.Write(manifest.Slices is not null ? manifest : manifest with { Files = [.. Enumerable.Range(0, manifest.Contents.Units.Count).Select(unit => _files[unit])] });
        await _flushed.ConfigureAwait(false);
        var (_, stream) = await ChecksummedFile.WriteAsync(
            Path.Combine(_partial, ManifestFile.Name), bytes.Length, writer => writer.WriteAsync(bytes, cancellationToken).AsTask(), cancellationToken).ConfigureAwait(false);
        await FlushAsync(stream, Task.CompletedTask).ConfigureAwait(false);
        FolderFlush.Entries(_partial);
        var path = _folder.PathOf(_step);
        // One of this step is there only if it was damaged, or the run was wound back before it: the new one is the same, and whole.
        if (Directory.Exists(path)) _folder.Replace(_step);
        Directory.Move(_partial, path);
        _committed = true;
        FolderFlush.Entries(_folder.Path);
        return path;
    });

    public async ValueTask DisposeAsync()
    {
        try
        {
            await _flushed.ConfigureAwait(false);
        }
        catch (Exception error) when (error.IsOfTheDisk())
        {
            // The commit has said so, or there is none.
        }

        try
        {
            // Other slices may still be written there; what is left of them is cleared away by the next run.
            if (!_committed && _slice is null && Directory.Exists(_partial)) Directory.Delete(_partial, recursive: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // What is left is no checkpoint; the next one clears it away.
        }
    }

    // One after another: a disk has no use for more, and each holds a thread.
    private static async Task FlushAsync(FileStream stream, Task before)
    {
        await using (stream.ConfigureAwait(false))
        {
            await before.ConfigureAwait(false);
            await Task.Run(() => stream.Flush(flushToDisk: true)).ConfigureAwait(false);
        }
    }

    private async Task<T> GuardAsync<T>(Func<Task<T>> write)
    {
        try
        {
            return await write().ConfigureAwait(false);
        }
        catch (Exception error) when (error.IsOfTheDisk())
        {
            throw TrainingCheckpoints.Unwritable(_folder.PathOf(_step), error);
        }
    }
}
