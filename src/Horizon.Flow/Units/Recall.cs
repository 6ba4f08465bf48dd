using static TorchSharp.torch;

namespace Horizon.Flow.Units;

/// <summary>
/// What the units of a model remember of the tokens that came before those of a batch, so that these need not go through the model again: a key/value
/// cache. It grows by each batch that is computed with it (<see cref="DeviceBatch.Recall"/>); only templates that say so
/// (<see cref="IUnitTemplate.LongestRecall"/>) know of it. For one thread.
/// </summary>
public sealed class Recall : IDisposable
{
    private const long LeastCapacity = 64;

    private readonly Dictionary<(ParameterViews Unit, string Name), Part> _parts = [];
    private DeviceBatch? _all;

    /// <summary>The ids and positions of all tokens, those of the batch in hand too: what keys are of.</summary>
    /// <exception cref="InvalidOperationException">No batch is in hand.</exception>
    public DeviceBatch All => _all ?? throw new InvalidOperationException($"a batch begins with {nameof(Begin)}");

    /// <summary>Tokens that are remembered.</summary>
    public long Length { get; private set; }

    /// <summary>Begins a batch.</summary>
    /// <param name="all">[1, remembered tokens and those of the batch]; disposed here.</param>
    public void Begin(DeviceBatch all)
    {
        ArgumentNullException.ThrowIfNull(all);
        _all?.Dispose();
        _all = all;
    }

    /// <summary>The batch in hand is computed: its tokens are remembered.</summary>
    public void End() => Length = All.SequenceLength;

    /// <summary>Forgets all tokens but the first ones.</summary>
    /// <param name="length">How many stay.</param>
    public void Forget(long length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Length);
        Length = length;
    }

    /// <summary>Remembers a unit's own of each token of the batch.</summary>
    /// <param name="unit">The unit, by the views of its weights.</param>
    /// <param name="name">Tells it from what else the unit remembers.</param>
    /// <param name="part">[rows, tokens of the batch, ...].</param>
    /// <returns>[rows, all tokens, ...]; a view, which holds until the next batch.</returns>
    public Tensor Extend(ParameterViews unit, string name, Tensor part)
    {
        ArgumentNullException.ThrowIfNull(part);
        if (!_parts.TryGetValue((unit, name), out var kept)) _parts[(unit, name)] = kept = new Part();
        return kept.Extend(part, Length);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _all?.Dispose();
        foreach (var part in _parts.Values) part.Dispose();
        _parts.Clear();
    }

    // Twice as long whenever it is full, so that a token costs no copy of all others.
    private sealed class Part : IDisposable
    {
        private Tensor? _buffer;

        public Tensor Extend(Tensor part, long before)
        {
            using var noGrad = no_grad();
            var length = before + part.shape[1];
            if (_buffer is null || _buffer.shape[1] < length)
            {
                long[] shape = [.. part.shape];
                shape[1] = Math.Max(LeastCapacity, 2 * length);
                var longer = empty(shape, dtype: part.dtype, device: part.device).DetachFromDisposeScope();
                if (_buffer is not null && before > 0)
                {
                    using var target = longer.narrow(1, 0, before);
                    using var source = _buffer.narrow(1, 0, before);
                    target.copy_(source);
                }

                _buffer?.Dispose();
                _buffer = longer;
            }

            using (var own = _buffer.narrow(1, before, part.shape[1])) own.copy_(part);
            return _buffer.narrow(1, 0, length);
        }

        public void Dispose() => _buffer?.Dispose();
    }
}
