using System.Runtime.InteropServices;
using Horizon.Flow.Host.Gradients;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Numerics;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;

namespace Horizon.Flow.Host.Tests;

/// <summary>A unit with random masters and gradients, in the precisions that a test asks for.</summary>
internal sealed unsafe class TestUnit : IDisposable
{
    private readonly HostBuffer _gradient;
    private readonly ElementType _gradientType;

    public TestUnit(UnitLayout layout, StorePrecision precision, ElementType gradientType, IHostOptimizer optimizer, int seed)
    {
        State = new UnitState(layout, precision, optimizer.DescribeState(layout));
        _gradientType = gradientType;
        _gradient = new HostBuffer(layout.ElementCount * gradientType.ByteSize());
        Masters = RandomNumbers(Count, seed);
    }

    public UnitState State { get; }

    public int Count => (int)State.Layout.ElementCount;

    public HostGradientView Gradient => new(_gradient.Address, _gradientType, Count);

    public float[] Masters
    {
        get
        {
            var masters = new float[Count];
            if (State.Difference is null) State.Weights.Span<float>(0, Count).CopyTo(masters);
            else Convert(State.Weights.Span<ushort>(0, Count), State.Difference.Span<short>(0, Count), masters);
            return masters;

            static void Convert(Span<ushort> weights, Span<short> differences, float[] masters)
            {
                for (var i = 0; i < masters.Length; i++) masters[i] = ExactMaster.Join(weights[i], differences[i]);
            }
        }

        set
        {
            if (State.Difference is null)
            {
                value.CopyTo(State.Weights.Span<float>(0, Count));
                return;
            }

            var (weights, differences) = (State.Weights.Span<ushort>(0, Count).ToArray(), State.Difference.Span<short>(0, Count).ToArray());
            for (var i = 0; i < Count; i++) (weights[i], differences[i]) = ExactMaster.Split(value[i]);
            weights.CopyTo(State.Weights.Span<ushort>(0, Count));
            differences.CopyTo(State.Difference.Span<short>(0, Count));
        }
    }

    /// <summary>The fp32 gradient; what is set is rounded to the unit's gradient type, towards zero.</summary>
    public float[] Gradients
    {
        get => _gradientType == ElementType.Float32
            ? _gradient.Span<float>(0, Count).ToArray()
            : [.. _gradient.Span<ushort>(0, Count).ToArray().Select(bits => BitConverter.UInt32BitsToSingle((uint)bits << 16))];
        set
        {
            if (_gradientType == ElementType.Float32) value.CopyTo(_gradient.Span<float>(0, Count));
            else value.Select(number => (ushort)(BitConverter.SingleToUInt32Bits(number) >> 16)).ToArray().CopyTo(_gradient.Span<ushort>(0, Count));
        }
    }

    /// <summary>Every byte of the unit's own memory.</summary>
    public byte[][] Bytes => [.. new[] { State.Weights, State.Difference }.Concat(State.OptimizerState).OfType<HostBuffer>().Select(Contents)];

    public float[] StateNumbers(int buffer) => MemoryMarshal.Cast<byte, float>(Contents(State.OptimizerState[buffer])).ToArray();

    /// <summary>A layout of one-dimensional parameters named p0, p1 and so on.</summary>
    public static UnitLayout Layout(params long[] lengths) =>
        new("test unit", "test", lengths.Select((length, index) => ($"p{index}", $"p{index}", new[] { length })));

    /// <summary>Numbers in (-0.5, 0.5) of mixed sign over five magnitudes, and some zeros.</summary>
    public static float[] RandomNumbers(int count, int seed)
    {
        var random = new Random(seed);
        var magnitudes = new[] { 1f, 1e-1f, 1e-2f, 1e-3f, 1e-4f, 0f };
        var numbers = new float[count];
        for (var i = 0; i < count; i++) numbers[i] = (random.NextSingle() - 0.5f) * magnitudes[random.Next(magnitudes.Length)];
        return numbers;
    }

    public void Dispose()
    {
        State.Dispose();
        _gradient.Dispose();
    }

    private static byte[] Contents(HostBuffer buffer) => buffer.Span<byte>(0, (int)buffer.ByteLength).ToArray();
}
