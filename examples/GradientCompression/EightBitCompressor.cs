using Horizon.Flow.Host.Memory;
using Horizon.Flow.Messages;

namespace Horizon.Examples;

/// <summary>
/// Gradients as 8-bit codes, one fp32 scale for each block of 256, with error feedback (Seide et al. 2014; Karimireddy et al., arXiv
/// 1901.09847): what rounding loses in one step is added to the next step's gradient. Keeps one fp32 residual for each element.
/// </summary>
public sealed class EightBitCompressor
{
    private const int Block = 256;
    private readonly Dictionary<int, float[]> _residuals = [];

    /// <summary>Bytes of the gradients as they came.</summary>
    public long BytesBefore { get; private set; }

    /// <summary>Bytes of their codes and scales.</summary>
    public long BytesAfter { get; private set; }

    // <snippet>
    /// <summary>Compresses a gradient and writes what the other end would make of it in its place.</summary>
    public HostGradient RoundTrip(HostGradient gradient)
    {
        var values = new float[gradient.View.Count];
        gradient.View.Read(0, values);
        if (!_residuals.TryGetValue(gradient.Visit.Unit, out var residual))
            _residuals.Add(gradient.Visit.Unit, residual = new float[values.Length]);
        var codes = new sbyte[values.Length];
        for (var start = 0; start < values.Length; start += Block)
        {
            var count = Math.Min(Block, values.Length - start);
            var scale = Encode(values.AsSpan(start, count), residual.AsSpan(start, count), codes.AsSpan(start, count));
            for (var i = start; i < start + count && float.IsFinite(scale); i++) values[i] = codes[i] * scale;
            BytesAfter += count + sizeof(float);
        }

        BytesBefore += gradient.View.Count * gradient.Type.ByteSize();
        gradient.View.Write(0, values);
        return gradient;
    }
    // </snippet>

    // A block with an infinity or a NaN has no finite scale and stays as it is: the update must see it and skip the step.
    private static float Encode(Span<float> values, Span<float> residual, Span<sbyte> codes)
    {
        var largest = 0f;
        for (var i = 0; i < values.Length; i++) largest = MathF.Max(largest, MathF.Abs(values[i] + residual[i]));
        var scale = largest / sbyte.MaxValue;
        if (!float.IsFinite(scale)) return scale;
        for (var i = 0; i < values.Length; i++)
        {
            var wanted = values[i] + residual[i];
            codes[i] = (sbyte)(scale > 0 ? MathF.Round(wanted / scale) : 0);
            residual[i] = wanted - (codes[i] * scale);
        }

        return scale;
    }
}
