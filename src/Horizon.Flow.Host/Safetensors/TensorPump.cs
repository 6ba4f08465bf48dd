using System.IO.Pipelines;
using Microsoft.Win32.SafeHandles;

namespace Horizon.Flow.Host.Safetensors;

/// <summary>
/// Moves tensors from a file to their destinations through one pipe: a reader thread fills it, ahead of the conversion by
/// <see cref="PipeBytes"/> at most.
/// </summary>
internal static class TensorPump
{
    // A multiple of every element size, so that a piece never ends within an element.
    private const int PieceBytes = 1 << 20;
    private const int PipeBytes = 4 * PieceBytes;

    public static async Task RunAsync(
        SafeFileHandle handle,
        string path,
        IReadOnlyList<(TensorInfo Tensor, ITensorDestination Destination)> work,
        Action<TensorInfo>? finished,
        CancellationToken cancellationToken)
    {
        foreach (var (tensor, destination) in work) destination.Begin(tensor);
        var pipe = new Pipe(new PipeOptions(
            pauseWriterThreshold: PipeBytes,
            resumeWriterThreshold: PipeBytes / 2,
            minimumSegmentSize: PieceBytes,
            useSynchronizationContext: false));
        var filling = FillAsync(pipe.Writer, handle, path, work, cancellationToken);
        try
        {
            foreach (var (tensor, destination) in work)
            {
                await DrainAsync(pipe.Reader, tensor, destination, cancellationToken).ConfigureAwait(false);
                finished?.Invoke(tensor);
            }
        }
        finally
        {
            // Ends a writer that waits for room; it never throws, for its errors travel through the pipe.
            await pipe.Reader.CompleteAsync().ConfigureAwait(false);
            await filling.ConfigureAwait(false);
        }
    }

    private static async Task FillAsync(
        PipeWriter writer,
        SafeFileHandle handle,
        string path,
        IReadOnlyList<(TensorInfo Tensor, ITensorDestination Destination)> work,
        CancellationToken cancellationToken)
    {
        Exception? fault = null;
        try
        {
            foreach (var (tensor, _) in work)
                if (!await FillAsync(writer, handle, tensor, cancellationToken).ConfigureAwait(false)) break;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ObjectDisposedException)
        {
            fault = new HorizonException($"cannot read {path}: {error.Reason()}", error);
        }
        catch (Exception error)
        {
            fault = error;
        }

        await writer.CompleteAsync(fault).ConfigureAwait(false);
    }

    /// <summary>False when nobody reads any more.</summary>
    private static async ValueTask<bool> FillAsync(
        PipeWriter writer, SafeFileHandle handle, TensorInfo tensor, CancellationToken cancellationToken)
    {
        for (long done = 0; done < tensor.ByteLength;)
        {
            var piece = (int)Math.Min(PieceBytes, tensor.ByteLength - done);
            var memory = writer.GetMemory(piece)[..piece];
            while (!memory.IsEmpty)
            {
                var read = await RandomAccess.ReadAsync(handle, memory, tensor.Offset + done, cancellationToken).ConfigureAwait(false);
                if (read == 0) throw new HorizonException($"{tensor.File} ends within tensor {tensor.Name.Shown()}: it was cut meanwhile");
                memory = memory[read..];
                done += read;
            }

            writer.Advance(piece);
            var result = await writer.FlushAsync(cancellationToken).ConfigureAwait(false);
            if (result.IsCompleted) return false;
        }

        return true;
    }

    private static async Task DrainAsync(
        PipeReader reader, TensorInfo tensor, ITensorDestination destination, CancellationToken cancellationToken)
    {
        for (long done = 0; done < tensor.ByteLength;)
        {
            var result = await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
            var buffer = result.Buffer;
            if (buffer.Length > tensor.ByteLength - done) buffer = buffer.Slice(0, tensor.ByteLength - done);
            foreach (var piece in buffer)
            {
                destination.Write(tensor, done, piece.Span);
                done += piece.Length;
            }

            reader.AdvanceTo(buffer.End);
        }
    }
}
