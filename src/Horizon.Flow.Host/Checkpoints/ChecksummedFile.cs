using System.IO.Hashing;
using System.IO.Pipelines;

namespace Horizon.Flow.Host.Checkpoints;

/// <summary>
/// Writes a file through a pipe: one end copies out of the store, the other takes the checksum and writes, a few pieces behind. When it
/// returns the system has every byte; that the disk has them too is for the caller to see to.
/// </summary>
internal static class ChecksummedFile
{
    private const int PieceBytes = 1 << 20;
    private const int PipeBytes = 4 * PieceBytes;

    public static async Task<(CheckpointFile File, FileStream Stream)> WriteAsync(string path, long byteLength, Func<PipeWriter, Task> fill, CancellationToken cancellationToken)
    {
        var stream = new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            Share = FileShare.None,
            BufferSize = 0,
            Options = FileOptions.Asynchronous,
            PreallocationSize = byteLength,
        });
        try
        {
            var pipe = new Pipe(new PipeOptions(
                pauseWriterThreshold: PipeBytes, resumeWriterThreshold: PipeBytes / 2, minimumSegmentSize: PieceBytes, useSynchronizationContext: false));
            var filling = FillAsync(pipe.Writer, fill);
            var hash = new XxHash128();
            try
            {
                await DrainAsync(pipe.Reader, stream, hash, cancellationToken).ConfigureAwait(false);
            }
            finally
            {
                // Ends a writer that waits for room; it never throws, for its errors travel through the pipe.
                await pipe.Reader.CompleteAsync().ConfigureAwait(false);
                await filling.ConfigureAwait(false);
            }

            return (new CheckpointFile(Path.GetFileName(path), stream.Length, Checksums.End(hash)), stream);
        }
        catch
        {
            await stream.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private static async Task FillAsync(PipeWriter writer, Func<PipeWriter, Task> fill)
    {
        Exception? fault = null;
        try
        {
            await fill(writer).ConfigureAwait(false);
        }
        catch (Exception error)
        {
            fault = error;
        }

        await writer.CompleteAsync(fault).ConfigureAwait(false);
    }

    private static async Task DrainAsync(PipeReader reader, FileStream stream, XxHash128 hash, CancellationToken cancellationToken)
    {
        while (true)
        {
            var result = await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
            foreach (var piece in result.Buffer)
            {
                hash.Append(piece.Span);
                await stream.WriteAsync(piece, cancellationToken).ConfigureAwait(false);
            }

            reader.AdvanceTo(result.Buffer.End);
            if (result.IsCompleted) return;
        }
    }
}
