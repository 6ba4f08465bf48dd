using System.IO.MemoryMappedFiles;
using Horizon.Flow.Host.Workers;

namespace Horizon.Flow.Host.Memory;

/// <summary>
/// A block of host memory of an exact size, outside the garbage-collected heap, zeroed, aligned to 64 bytes or more.
/// It may be larger than 2 GiB; spans over parts of it count elements. From 2 MiB on it asks for huge pages (on Linux), and
/// takes memory page by page as it is first touched: see <see cref="Touch"/>.
/// </summary>
public sealed unsafe class HostBuffer : IDisposable
{
    private readonly MemoryMappedViewAccessor? _file;
    private readonly HostBuffer? _whole;
    private void* _address;

    /// <summary>Allocates <paramref name="byteLength"/> zeroed bytes.</summary>
    /// <exception cref="OutOfMemoryException">The system has no such block left.</exception>
    public HostBuffer(long byteLength)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(byteLength);
        ByteLength = byteLength;
        _address = HostPages.Allocate(byteLength);
    }

    private HostBuffer(MemoryMappedViewAccessor file, long byteLength)
    {
        ByteLength = byteLength;
        _file = file;
        byte* start = null;
        file.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        _address = start + file.PointerOffset;
    }

    private HostBuffer(HostBuffer whole, long offset, long byteLength)
    {
        (_whole, ByteLength) = (whole, byteLength);
        _address = (byte*)whole.Address + offset;
        GC.SuppressFinalize(this);
    }

    /// <summary>Some of the bytes of this buffer as one of its own: it keeps this one alive, frees nothing, and must not be used once this one is disposed.</summary>
    /// <param name="offset">First byte.</param>
    /// <param name="byteLength">How many.</param>
    /// <exception cref="ArgumentOutOfRangeException">The part leaves the buffer.</exception>
    internal HostBuffer Part(long offset, long byteLength)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(byteLength);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(byteLength, ByteLength - offset);
        return new HostBuffer(this, offset, byteLength);
    }

    /// <summary>
    /// A part of a file as memory: the system reads pages as they are touched, and may write them back and forget them when memory
    /// is short. What is written reaches the file by <see cref="Flush"/>, or when the buffer is disposed.
    /// </summary>
    /// <param name="path">The file; created, or made longer with zeros, where needed.</param>
    /// <param name="offset">First byte in the file; a multiple of 64.</param>
    /// <param name="byteLength">At least 1.</param>
    /// <exception cref="HorizonException">The file cannot be opened, made longer or mapped.</exception>
    public static HostBuffer Map(string path, long offset, long byteLength)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNotEqual(offset % 64, 0, nameof(offset));
        ArgumentOutOfRangeException.ThrowIfLessThan(byteLength, 1);
        try
        {
            using var stream = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0);
            if (stream.Length < offset + byteLength) stream.SetLength(offset + byteLength);
            using var file = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.ReadWrite, HandleInheritability.None, leaveOpen: true);
            return new HostBuffer(file.CreateViewAccessor(offset, byteLength), byteLength);
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException)
        {
            throw new HorizonException($"cannot map {byteLength:N0} bytes of {path}: {cause.Message}; check the folder, its rights and its free space", cause);
        }
    }

    /// <summary>Whether the buffer is part of a file. Such a buffer is not page-locked: that would read the whole of it into memory.</summary>
    public bool IsMapped => _file is not null;

    /// <summary>Writes what was changed to the file and waits for it; nothing where the buffer is ordinary memory.</summary>
    public void Flush() => _file?.Flush();

    /// <summary>Frees memory that nobody disposed.</summary>
    ~HostBuffer() => Free();

    /// <summary>The exact size in bytes.</summary>
    public long ByteLength { get; }

    /// <summary>The first byte.</summary>
    /// <exception cref="ObjectDisposedException">The buffer was disposed.</exception>
    public nint Address
    {
        get
        {
            ObjectDisposedException.ThrowIf(_address is null, this);
            return (nint)_address;
        }
    }

    /// <summary><paramref name="count"/> elements from element <paramref name="offset"/> on.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The range leaves the buffer.</exception>
    public Span<T> Span<T>(long offset, int count)
        where T : unmanaged
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        if ((Int128)(offset + (Int128)count) * sizeof(T) > ByteLength)
            throw new ArgumentOutOfRangeException(nameof(count), $"elements {offset}..{offset + count} of {sizeof(T)} bytes leave a buffer of {ByteLength} bytes");
        return new Span<T>((T*)Address + offset, count);
    }

    /// <summary>
    /// Has every page taken from the system now, by the threads that will sweep this part of the buffer, so that the pages lie
    /// near them and no later sweep waits for the system. Changes no content.
    /// </summary>
    public void Touch(HostWorkers workers)
    {
        ArgumentNullException.ThrowIfNull(workers);
        workers.Sweep(ByteLength, HostPages.HugePage, new TouchKernel((byte*)Address));
    }

    /// <summary>Frees the memory. Views of it must no longer be used.</summary>
    public void Dispose()
    {
        Free();
        _file?.Dispose();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        if (_whole is not null)
        {
            // The whole frees it.
        }
        else if (_file is null) HostPages.Free(_address, ByteLength);
        else if (_address is not null) _file.SafeMemoryMappedViewHandle.ReleasePointer();
        _address = null;
    }

    private readonly struct TouchKernel(byte* start) : ISweepKernel
    {
        private const int Page = 4096;

        // Zero for zero, atomically: takes the page without disturbing what another thread may write there meanwhile.
        public void Run(long chunk, long first, int count)
        {
            for (var offset = first; offset < first + count; offset += Page) Interlocked.CompareExchange(ref start[offset], 0, 0);
        }
    }
}
