namespace Horizon.Flow.Host.Safetensors;

/// <summary>
/// What an 8-bit matrix is multiplied by: one number for all of it, one for each row, or one for each block of 128 rows by 128 columns (DeepSeek-V3's files). They are read before the matrix.
/// The published conventions are two: <c>weight_scale_inv</c> beside <c>weight</c>, of <c>quant_method: fp8</c>, and <c>weight_scale</c>, of compressed-tensors' <c>float-quantized</c>;
/// both multiply.
/// </summary>
internal sealed class WeightScales(TensorInfo matrix) : ITensorDestination
{
    private const int Block = 128;
    private static readonly string[] Endings = ["_scale_inv", "_scale"];

    private float[] _scales = [];
    private (long Rows, long Columns) _block;
    private long _perRow;

    /// <summary>The scales of a matrix of 8-bit floats; null for a tensor of another type, which has none.</summary>
    /// <param name="find">The tensor of the matrix's name with an ending.</param>
    /// <param name="matrix">The matrix.</param>
    /// <exception cref="HorizonException">There are none, or they do not fit it.</exception>
    public static (TensorInfo Tensor, WeightScales Destination)? Find(Func<string, TensorInfo?> find, TensorInfo matrix)
    {
        if (matrix.Type != SafetensorsType.F8_E4M3) return null;
        var scales = Endings.Select(find).FirstOrDefault(tensor => tensor is not null) ?? throw new HorizonException(
            $"tensor {matrix.Name.Shown()} of {matrix.File} is of type {matrix.Type} without {(matrix.Name + Endings[0]).Shown()} or {(matrix.Name + Endings[1]).Shown()}, which say what its numbers stand for; take whole files");
        return (scales, new WeightScales(matrix));
    }

    /// <inheritdoc/>
    public void Begin(TensorInfo tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        FloatConversion.RequireFloats(tensor);
        _block = BlockOf(tensor);
        _perRow = Blocks(matrix.Shape[1], _block.Columns);
        _scales = new float[tensor.Count];
    }

    /// <inheritdoc/>
    public void Write(TensorInfo tensor, long byteOffset, ReadOnlySpan<byte> bytes)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        var size = FloatConversion.ElementSize(tensor.Type);
        FloatConversion.ToFloat32(tensor.Type, bytes, _scales.AsSpan((int)(byteOffset / size), bytes.Length / size));
    }

    /// <summary>Multiplies what was read of the matrix by its scales.</summary>
    /// <param name="element">The first of the values, within the matrix.</param>
    /// <param name="values">Changed in place.</param>
    public void Multiply(long element, Span<float> values)
    {
        var columns = matrix.Shape[1];
        while (!values.IsEmpty)
        {
            var (row, column) = Math.DivRem(element, columns);
            var count = (int)Math.Min(values.Length, Math.Min(columns, ((column / _block.Columns) + 1) * _block.Columns) - column);
            var scale = _scales[(row / _block.Rows * _perRow) + (column / _block.Columns)];
            foreach (ref var value in values[..count]) value *= scale;
            values = values[count..];
            element += count;
        }
    }

    private (long Rows, long Columns) BlockOf(TensorInfo scales)
    {
        if (matrix.Shape is [> 0 and var rows, > 0 and var columns])
        {
            if (scales.Count == 1) return (rows, columns);
            if (scales.Shape is [var each] && each == rows || scales.Shape is [var one, 1] && one == rows) return (1, columns);
            if (scales.Shape is [var down, var across] && (down, across) == (Blocks(rows, Block), Blocks(columns, Block))) return (Block, Block);
        }

        throw new HorizonException(
            $"tensor {scales.Name.Shown()} is {scales.Shape.Shown()} in {scales.File}; of {matrix.Name.Shown()}, which is {matrix.Shape.Shown()}, there must be one for all of a matrix, one for each row, or one for each block of {Block} rows by {Block} columns");
    }

    private static long Blocks(long extent, long block) => (extent + block - 1) / block;
}
