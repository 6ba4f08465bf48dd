using System.IO.Hashing;

namespace Horizon.Flow.Testing;

/// <summary>A buffer, who used it last, and the bytes of a copy that has not landed yet: until somebody may know of it, the buffer is NaN.</summary>
internal sealed class WatchedMemory(string name, int number, Func<nint> address, long byteLength, bool isBf16)
{
    private byte[]? _landing;
    private ulong _hash;

    public string Name => name;

    /// <summary>Last copy into it.</summary>
    public Access? Filled { get; private set; }

    /// <summary>Last copy out of it.</summary>
    public Access? Copied { get; set; }

    /// <summary>Last write by the computation.</summary>
    public Access? Written { get; set; }

    /// <summary>Last time that the computation waited for what was copied into it, so reads it.</summary>
    public Access? Read { get; set; }

    /// <summary>What the host has waited for, of copies from or to it.</summary>
    public Clock HostKnows { get; set; }

    public bool IsLanding => _landing is not null;

    /// <summary>bf16: what is computed from it is rounded to a NaN without its mark.</summary>
    public bool LosesMark => isBf16;

    /// <summary>
    /// The mark of a buffer in the NaNs that it is filled with: arithmetic carries it on. They are signalling ones, so that arithmetic in place changes
    /// them. 63 is left out, for all bits set is some libraries' own NaN.
    /// </summary>
    public int Mark => (number % 62) + 1;

    /// <summary>Whether somebody has changed it since it was looked at last.</summary>
    public bool HasChanged()
    {
        var now = Hash();
        (var changed, _hash) = (now != _hash, now);
        return changed;
    }

    public void Fill(byte[] bytes, Access by)
    {
        (_landing, Filled, Copied, Written, Read) = (bytes, by, null, null, null);
        Poison(Bytes(bytes.Length));
        _hash = Hash();
    }

    /// <summary>The copy lands.</summary>
    public void Land()
    {
        if (_landing is null) return;
        _landing.CopyTo(Bytes(_landing.Length));
        _landing = null;
        _hash = Hash();
    }

    public byte[] Snapshot(long bytes) => Bytes(bytes).ToArray();

    /// <summary>The marks of NaNs in it, 0 for one without.</summary>
    public IEnumerable<int> Marks()
    {
        var found = new HashSet<int>();
        if (isBf16)
        {
            foreach (var bits in System.Runtime.InteropServices.MemoryMarshal.Cast<byte, ushort>(Bytes(byteLength)))
                if ((bits & 0x7FFF) > 0x7F80) found.Add(bits & 0x3F);
        }
        else
        {
            foreach (var bits in System.Runtime.InteropServices.MemoryMarshal.Cast<byte, uint>(Bytes(byteLength)))
                if ((bits & 0x7FFFFFFF) > 0x7F800000) found.Add((int)(bits >> 16) & 0x3F);
        }

        return found;
    }

    private void Poison(Span<byte> bytes)
    {
        if (isBf16) System.Runtime.InteropServices.MemoryMarshal.Cast<byte, ushort>(bytes).Fill((ushort)(0x7F80 | Mark));
        else System.Runtime.InteropServices.MemoryMarshal.Cast<byte, uint>(bytes).Fill(0x7F800000u | ((uint)Mark << 16));
    }

    private ulong Hash() => XxHash3.HashToUInt64(Bytes(byteLength));

    private unsafe Span<byte> Bytes(long count) => new((void*)address(), (int)count);
}
