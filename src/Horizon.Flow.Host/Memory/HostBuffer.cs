namespace Horizon.Flow.Host;

/// <summary>
/// A block of host memory of an exact size, outside the garbage-collected heap, zeroed, aligned to 64 bytes or more.
/// It may be larger than 2 GiB; spans over parts of it count elements. From 2 MiB on it asks for huge pages (on Linux), and
/// takes memory page by page as it is first touched: see <see cref="Touch"/>.
/// </summary>
public sealed unsafe class HostBuffer : IDisposable
{
    private void* _address;

    /// <summary>Allocates <paramref name="byteLength"/> zeroed bytes.</summary>
    /// <exception cref="OutOfMemoryException">The system has no such block left.</exception>
    public HostBuffer(long byteLength)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(byteLength);
        ByteLength = byteLength;
        _address = HostPages.Allocate(byteLength);
    }

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
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        HostPages.Free(_address, ByteLength);
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
