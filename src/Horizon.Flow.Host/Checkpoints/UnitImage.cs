using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Safetensors;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;

namespace Horizon.Flow.Host.Checkpoints;

/// <summary>The buffers of one unit as a checkpoint saves them: the store's own, or a copy of them. Owns no memory.</summary>
public sealed class UnitImage
{
    private const long Alignment = 64;

    private readonly IReadOnlyList<(HostBuffer Buffer, long Offset)> _places;

    private UnitImage(UnitContents contents, IReadOnlyList<(HostBuffer Buffer, long Offset)> places)
    {
        Contents = contents;
        _places = places;
    }

    /// <summary>What it consists of.</summary>
    public UnitContents Contents { get; }

    /// <summary>The buffers as tensors of a file, read while they are written.</summary>
    public IReadOnlyList<TensorPart> Parts =>
        [.. Contents.Buffers.Zip(_places, (buffer, place) => TensorPart.FromBuffer(buffer.Name, buffer.Type, [buffer.Elements], place.Buffer, place.Offset))];

    /// <summary>Bytes that a copy needs.</summary>
    public long CopyLength => CopyLengthOf(Contents);

    /// <summary>The unit's own buffers, without the fixed parameters in front.</summary>
    public static UnitImage Of(UnitState unit, UnitContents contents)
    {
        ArgumentNullException.ThrowIfNull(unit);
        ArgumentNullException.ThrowIfNull(contents);
        var first = unit.Layout.FixedElements * unit.WeightType.ByteSize();
        var places = unit.Buffers.Select(buffer => (buffer, Offset: buffer == unit.Weights ? first : 0)).Where(place => place.buffer != unit.Weights || place.Offset < place.buffer.ByteLength).ToList();
        if (!places.Select(place => place.buffer.ByteLength - place.Offset).SequenceEqual(contents.Buffers.Select(Bytes)))
            throw new ArgumentException($"unit '{unit.Layout.Name}' has buffers of [{string.Join(", ", places.Select(place => place.buffer.ByteLength - place.Offset))}] bytes, not [{string.Join(", ", contents.Buffers)}]", nameof(contents));
        return new UnitImage(contents, places);
    }

    /// <summary>Bytes that a copy of such a unit needs.</summary>
    public static long CopyLengthOf(UnitContents contents)
    {
        ArgumentNullException.ThrowIfNull(contents);
        return contents.Buffers.Sum(Padded);
    }

    /// <summary>Copies everything into one buffer, with all threads of a team.</summary>
    /// <param name="target">At least <see cref="CopyLength"/> bytes.</param>
    /// <param name="workers">The threads.</param>
    /// <returns>The image over the copy.</returns>
    public UnitImage CopyTo(HostBuffer target, HostWorkers workers)
    {
        ArgumentNullException.ThrowIfNull(target);
        ArgumentNullException.ThrowIfNull(workers);
        var places = new List<(HostBuffer, long)>();
        var start = 0L;
        foreach (var (buffer, (source, from)) in Contents.Buffers.Zip(_places))
        {
            var to = start;
            workers.Sweep(Bytes(buffer), (_, first, count) => source.Span<byte>(from + first, count).CopyTo(target.Span<byte>(to + first, count)));
            places.Add((target, to));
            start += Padded(buffer);
        }

        return new UnitImage(Contents, places);
    }

    /// <summary>Where the bytes of each buffer lie.</summary>
    internal IReadOnlyList<(HostBuffer Buffer, long Offset, long Length)> Places =>
        [.. Contents.Buffers.Zip(_places, (buffer, place) => (place.Buffer, place.Offset, Bytes(buffer)))];

    private static long Bytes(BufferContents buffer) => buffer.Elements * buffer.Type.ByteSize();

    private static long Padded(BufferContents buffer) => (Bytes(buffer) + Alignment - 1) / Alignment * Alignment;
}
