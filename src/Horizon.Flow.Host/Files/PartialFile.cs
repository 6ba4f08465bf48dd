using System.IO.Pipelines;
using Horizon.Flow.Host.Safetensors;

namespace Horizon.Flow.Host.Files;

/// <summary>
/// A file in the making: written beside its final place under another name, flushed to disk, then renamed over it. Until then an older
/// file of that name stays whole; disposed before that, the partial file is deleted.
/// </summary>
internal sealed class PartialFile : IAsyncDisposable
{
    /// <summary>What the name ends with until the file is whole.</summary>
    public const string Suffix = ".partial";

    private const int BufferBytes = 1 << 20;

    private readonly string _path;
    private readonly FileStream _stream;
    private readonly PipeWriter _writer;
    private bool _committed;

    private PartialFile(string path, long byteLength)
    {
        _path = path;
        // What a dead run left there, or a link, which is removed and not followed.
        File.Delete(path + Suffix);
        _stream = new FileStream(path + Suffix, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            Share = FileShare.None,
            BufferSize = 0,
            Options = FileOptions.Asynchronous,
            PreallocationSize = byteLength,
        });
        _writer = PipeWriter.Create(_stream, new StreamPipeWriterOptions(minimumBufferSize: BufferBytes, leaveOpen: true));
    }

    /// <summary>Creates, writes and flushes the file; <see cref="Commit"/> puts it in its place.</summary>
    /// <param name="path">Its final place.</param>
    /// <param name="byteLength">Its size in bytes, reserved at once, so that a full disk shows before the work.</param>
    /// <param name="write">Writes the contents.</param>
    /// <exception cref="HorizonException">The folder cannot be written, or the disk is full.</exception>
    public static async Task<PartialFile> WriteAsync(string path, long byteLength, Func<PipeWriter, Task> write)
    {
        PartialFile? file = null;
        try
        {
            file = new PartialFile(path, byteLength);
            await write(file._writer).ConfigureAwait(false);
            await file._writer.CompleteAsync().ConfigureAwait(false);
            file._stream.Flush(flushToDisk: true);
            file._stream.Dispose();
            return file;
        }
        catch (Exception error)
        {
            if (file is not null) await file.DisposeAsync().ConfigureAwait(false);
            if (error.IsOfTheDisk()) throw Unwritable(path, error);
            throw;
        }
    }

    /// <summary>The same for contents that are at hand.</summary>
    /// <exception cref="HorizonException">The folder cannot be written, or the disk is full.</exception>
    public static Task<PartialFile> WriteAsync(string path, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken = default) =>
        WriteAsync(path, bytes.Length, writer => writer.WriteAsync(bytes, cancellationToken).AsTask());

    /// <summary>Renames the file over its final place.</summary>
    public void Commit()
    {
        try
        {
            File.Move(_path + Suffix, _path, overwrite: true);
            _committed = true;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw Unwritable(_path, error);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        // With an error the writer drops what it still holds instead of writing it.
        await _writer.CompleteAsync(new OperationCanceledException()).ConfigureAwait(false);
        await _stream.DisposeAsync().ConfigureAwait(false);
        if (!_committed) File.Delete(_path + Suffix);
    }

    /// <summary>The error that the user sees.</summary>
    public static HorizonException Unwritable(string path, Exception error) =>
        new($"cannot write {path}: {error.Reason()}; free space there or choose another output.directory", error);
}
