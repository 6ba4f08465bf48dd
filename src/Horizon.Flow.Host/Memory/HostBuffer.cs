using System.Runtime.InteropServices;

namespace Horizon.Flow.Host;

/// <summary>
/// A block of host memory of an exact size, outside the garbage-collected heap, zeroed, aligned to 64 bytes or more.
/// It may be larger than 2 GiB; spans over parts of it count elements.
/// </summary>
public sealed unsafe class HostBuffer : IDisposable
{
    private const int Alignment = 64;
    private void* _address;

    /// <summary>Allocates <paramref name="byteLength"/> zeroed bytes.</summary>
    /// <exception cref="OutOfMemoryException">The system has no such block left.</exception>
    public HostBuffer(long byteLength)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(byteLength);
        ByteLength = byteLength;
        _address = NativeMemory.AlignedAlloc((nuint)Math.Max(byteLength, 1), Alignment);
        NativeMemory.Clear(_address, (nuint)byteLength);
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

    /// <summary>Frees the memory. Views of it must no longer be used.</summary>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        NativeMemory.AlignedFree(_address);
        _address = null;
    }
}
