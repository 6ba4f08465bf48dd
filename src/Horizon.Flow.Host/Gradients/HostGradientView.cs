using System.Runtime.InteropServices;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Numerics;
using Horizon.Flow.Host.Store;

namespace Horizon.Flow.Host.Gradients;

/// <summary>A unit's flat gradient in host memory, as the update reads it. Owns nothing.</summary>
/// <param name="Address">First element.</param>
/// <param name="Type"><see cref="ElementType.BFloat16"/> or <see cref="ElementType.Float32"/>.</param>
/// <param name="Count">Elements; equals the unit's <see cref="UnitLayout.ElementCount"/>.</param>
public readonly unsafe record struct HostGradientView(nint Address, ElementType Type, long Count)
{
    /// <summary>Copies elements <paramref name="first"/> and the following as fp32, whatever their type.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The range leaves the gradient.</exception>
    public void Read(long first, Span<float> values)
    {
        Check(first, values.Length);
        if (Type == ElementType.Float32) new ReadOnlySpan<float>((float*)Address + first, values.Length).CopyTo(values);
        else BFloat16Conversion.Widen(new ReadOnlySpan<ushort>((ushort*)Address + first, values.Length), MemoryMarshal.Cast<float, uint>(values));
    }

    /// <summary>Sets elements <paramref name="first"/> and the following, rounded to bf16 (ties away from zero) where that is their type.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The range leaves the gradient.</exception>
    public void Write(long first, ReadOnlySpan<float> values)
    {
        Check(first, values.Length);
        if (Type == ElementType.Float32) values.CopyTo(new Span<float>((float*)Address + first, values.Length));
        else BFloat16Conversion.Round(MemoryMarshal.Cast<float, uint>(values), new Span<ushort>((ushort*)Address + first, values.Length));
    }

    private void Check(long first, int count)
    {
        if (Type is not (ElementType.Float32 or ElementType.BFloat16)) throw new InvalidOperationException($"a gradient is Float32 or BFloat16, not {Type}");
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(first, Count - count);
    }
}
