using Horizon.Flow.Host.Store;

namespace Horizon.Flow.Host.Safetensors;

/// <summary>
/// One of the two tensors that make a parameter stored as MXFP4 (Open Compute Project, Microscaling Formats 1.0): 4-bit floats, 32 to a power of two that they
/// are multiplied by. What comes first is written into the store, what comes second is multiplied onto it there, so that neither waits in memory for the other;
/// both are exact in bf16. gpt-oss has them by rows of the transposed matrix: elements [experts, out, blocks, 16 bytes] and scales [experts, out, blocks] of a
/// parameter [experts, 32 * blocks, out].
/// </summary>
internal sealed class MicroscaledHalf(UnitState unit, ParameterSlot slot, MicroscaledHalf.Order order, bool isScales) : ITensorDestination
{
    /// <summary>Elements of a block.</summary>
    private const int Block = 32;

    /// <summary>Rows that are gathered before they are written: what lies side by side in a column of the parameter.</summary>
    private const int TileRows = 256;

    private const int ScaleBias = 127;

    // By sign, two exponent bits and one of the mantissa.
    private static readonly float[] _values = [0, 0.5f, 1, 1.5f, 2, 3, 4, 6, -0f, -0.5f, -1, -1.5f, -2, -3, -4, -6];

    private readonly long _rows = slot.Shape[2];
    private readonly int _columns = (int)slot.Shape[1];
    private readonly float[] _scratch = new float[2 * TileRows];
    private byte[] _tile = [];
    private int _filled;
    private long _row;
    private bool _isSecond;

    /// <summary>Who of two comes second; shared by both.</summary>
    internal sealed class Order
    {
        /// <summary>Whether one of them has begun.</summary>
        public bool HasBegun { get; set; }
    }

    private int RowBytes => isScales ? _columns / Block : _columns / 2;

    /// <summary>Where a parameter goes that is stored in this form; none where it is not.</summary>
    /// <param name="find">The tensor of the parameter's name with an ending.</param>
    /// <param name="unit">Its unit.</param>
    /// <param name="slot">Its place.</param>
    public static IReadOnlyList<(TensorInfo Tensor, ITensorDestination Destination)> Find(Func<string, TensorInfo?> find, UnitState unit, ParameterSlot slot)
    {
        if (slot.Shape.Count != 3 || find("_blocks") is not { } blocks || find("_scales") is not { } scales) return [];
        var order = new Order();
        return [(blocks, new MicroscaledHalf(unit, slot, order, isScales: false)), (scales, new MicroscaledHalf(unit, slot, order, isScales: true))];
    }

    /// <inheritdoc/>
    public void Begin(TensorInfo tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        var experts = slot.TensorShape[0];
        long[] expected = isScales ? [experts, _rows, _columns / Block] : [experts, _rows, _columns / Block, Block / 2];
        if (_columns % Block != 0 || tensor.Type != SafetensorsType.U8 || !tensor.Shape.SequenceEqual(expected))
        {
            throw new HorizonException(
                $"tensor {tensor.Name.Shown()} is {tensor.Type} {tensor.Shape.Shown()} in {tensor.File}; as MXFP4 of {slot.TensorShape.Shown()}, which config.json asks for, it must be U8 {expected.Shown()}");
        }
    }

    /// <inheritdoc/>
    public void Write(TensorInfo tensor, long byteOffset, ReadOnlySpan<byte> bytes)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        if (byteOffset == 0)
        {
            (_isSecond, order.HasBegun) = (order.HasBegun, true);
            (_tile, _filled, _row) = (new byte[RowBytes * (int)Math.Min(TileRows, _rows)], 0, 0);
        }

        while (!bytes.IsEmpty)
        {
            // A tile ends with its expert.
            var rows = (int)Math.Min(TileRows, _rows - (_row % _rows));
            var taken = Math.Min(bytes.Length, (rows * RowBytes) - _filled);
            bytes[..taken].CopyTo(_tile.AsSpan(_filled));
            bytes = bytes[taken..];
            _filled += taken;
            if (_filled < rows * RowBytes) continue;
            Store(tensor, rows);
            (_row, _filled) = (_row + rows, 0);
        }
    }

    // A column of the tile is a run of the parameter.
    private void Store(TensorInfo tensor, int rows)
    {
        var (expert, row) = Math.DivRem(_row, _rows);
        expert -= slot.Rows?.First ?? 0;
        if (expert < 0 || expert >= slot.Shape[0]) return; // another unit's
        var values = _scratch.AsSpan(0, rows);
        var earlier = _scratch.AsSpan(TileRows, rows);
        for (var column = 0; column < _columns; column++)
        {
            var first = slot.Offset + (((expert * _columns) + column) * _rows) + row;
            for (var i = 0; i < rows; i++) values[i] = Value(_tile.AsSpan(i * RowBytes, RowBytes), column);
            if (_isSecond)
            {
                unit.ReadMasters(first, earlier);
                for (var i = 0; i < rows; i++) values[i] *= earlier[i];
            }

            if (FloatConversion.IndexOfNotFinite(values, asBFloat16: unit.Precision == StorePrecision.Bf16) >= 0)
                throw new HorizonException($"tensor {tensor.Name.Shown()} of {tensor.File} makes weights that are not finite; take undamaged files");
            unit.WriteMasters(first, values);
        }
    }

    private float Value(ReadOnlySpan<byte> row, int column) => isScales
        ? MathF.ScaleB(1, row[column / Block] - ScaleBias)
        : _values[(row[column / 2] >> (4 * (column % 2))) & 15];
}
