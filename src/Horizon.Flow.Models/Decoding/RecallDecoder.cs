using Horizon.Flow.Devices;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Decoding;

/// <summary>
/// A model that remembers the tokens that it has seen: the next token's logits cost one token's pass, not one of the whole text. Its weights stay in device memory as
/// far as they fit, and stream from the store for every pass where they do not. It stands beside the training graph, which remembers no tokens.
/// </summary>
public sealed class RecallDecoder : IAsyncDisposable
{
    // Tokens that go through the model at once: what a long prompt takes of memory.
    private const int TokensAtOnce = 512;

    private readonly ModelDefinition _model;
    private readonly IComputeDevice _device;
    private readonly DecodedUnits _units;
    private readonly Recall _recall = new();
    private readonly List<int> _seen = [];

    private RecallDecoder(ModelDefinition model, IComputeDevice device, DecodedUnits units) => (_model, _device, _units) = (model, device, units);

    /// <summary>Makes room on the device; weights go up when they are first needed.</summary>
    /// <param name="model">A model all of whose units can recall.</param>
    /// <param name="store">Its weights; must not be disposed before the decoder.</param>
    /// <param name="device">Where to compute; belongs to the caller.</param>
    /// <param name="memory">Bytes of device memory that weights may take; the units that do not fit stream through two buffers. Null for as many as there are.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="HorizonException">A unit cannot recall, or there is too little device memory.</exception>
    public static async Task<RecallDecoder> CreateAsync(
        ModelDefinition model, ParameterStore store, IComputeDevice device, long? memory = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(store);
        ArgumentNullException.ThrowIfNull(device);
        if (LongestContext(model) == 0) throw new HorizonException($"{model.Architecture} cannot be decoded token by token: {Refusal(model)}");
        int[] visits = [.. model.Hidden.Select(visit => visit.Unit), model.Head.Unit];
        var units = await device.Lane.RunAsync(() => new DecodedUnits(store, device, visits, memory), cancellation).ConfigureAwait(false);
        return new RecallDecoder(model, device, units);
    }

    /// <summary>Units that stream from the store for every pass; 0 where all stay.</summary>
    public int StreamedUnits => _units.StreamedCount;

    /// <summary>Says that the store holds other weights: they go up again, and what was remembered with the old ones is forgotten.</summary>
    public Task ReloadAsync() => _device.Lane.RunAsync(() =>
    {
        _recall.Forget(0);
        _seen.Clear();
        _units.Forget();
    });

    /// <summary>Tokens of the longest text that a model can be decoded for token by token; 0 where it cannot.</summary>
    /// <param name="model">The model.</param>
    public static int LongestContext(ModelDefinition model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return Math.Min(model.MaximumSequenceLength, model.Hidden.Min(visit => visit.Template.LongestRecall));
    }

    /// <summary>Bytes of device memory that a model takes here, beside what it remembers.</summary>
    /// <param name="model">The model.</param>
    /// <param name="type">Of its weights.</param>
    public static long WeightBytes(ModelDefinition model, ElementType type)
    {
        ArgumentNullException.ThrowIfNull(model);
        return model.ParameterCount * type.ByteSize();
    }

    /// <summary>[vocabulary] fp32: the logits of the token after the last one.</summary>
    /// <param name="ids">A text from its beginning; what it shares with the one before is remembered.</param>
    /// <param name="cancellation">Ends it between parts of a long text.</param>
    /// <exception cref="HorizonException">The text is longer than <see cref="LongestContext"/>.</exception>
    public async Task<float[]> NextLogitsAsync(IReadOnlyList<int> ids, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(ids);
        ArgumentOutOfRangeException.ThrowIfZero(ids.Count);
        if (ids.Count > LongestContext(_model))
            throw new HorizonException($"a text of {ids.Count} tokens cannot be decoded token by token: {_model.Architecture} allows {LongestContext(_model)}");
        // The last token always goes through: its logits are what is asked for.
        var shared = 0;
        while (shared < Math.Min(_seen.Count, ids.Count - 1) && _seen[shared] == ids[shared]) shared++;
        _recall.Forget(shared);
        _seen.RemoveRange(shared, _seen.Count - shared);
        var logits = Array.Empty<float>();
        while (_seen.Count < ids.Count)
        {
            var end = Math.Min(ids.Count, _seen.Count + TokensAtOnce);
            logits = await _device.Lane.RunAsync(() => Pass(ids, _seen.Count, end), cancellation).ConfigureAwait(false);
            for (var i = _seen.Count; i < end; i++) _seen.Add(ids[i]);
        }

        return logits;
    }

    /// <summary>Frees the model's device memory; the device stays with the caller.</summary>
    public async ValueTask DisposeAsync()
    {
        await _units.LandAsync().ConfigureAwait(false);
        await _device.Lane.RunAsync(() =>
        {
            _recall.Dispose();
            _units.Dispose();
        }).ConfigureAwait(false);
    }

    private float[] Pass(IReadOnlyList<int> ids, int first, int end)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        _recall.Begin(Batch(ids, 0, end, null));
        using var batch = Batch(ids, first, end, _recall);
        Tensor? x = null;
        for (var visit = 0; visit < _model.Hidden.Count; visit++)
        {
            var next = _model.Hidden[visit].Template.Forward(_units.Take(visit), x, batch);
            _units.Release(visit);
            x?.Dispose();
            x = next;
        }

        _recall.End();
        if (end < ids.Count) return [];
        var last = x!.flatten(0, 1).narrow(0, end - first - 1, 1);
        var logits = _model.Head.Template.Logits(_units.Take(_model.Hidden.Count), last).to(float32).cpu().contiguous();
        _units.Release(_model.Hidden.Count);
        using var numbers = logits.data<float>();
        return numbers.ToArray();
    }

    // [1, tokens]; targets say nothing.
    private DeviceBatch Batch(IReadOnlyList<int> ids, int first, int end, Recall? recall)
    {
        var numbers = new long[end - first];
        for (var i = 0; i < numbers.Length; i++) numbers[i] = ids[first + i];
        Tensor Row(Tensor row) => row.to(_device.TorchDevice).unsqueeze(0).DetachFromDisposeScope();
        var places = TensorArithmetic.Range(end).narrow(0, first, end - first);
        return new DeviceBatch(Row(tensor(numbers, int64)), Row(tensor(numbers, int64)), Row(places), null, operators: _device.Operators) { Recall = recall };
    }

    private static string Refusal(ModelDefinition model)
    {
        var (unit, template) = model.Hidden.First(visit => visit.Template.LongestRecall == 0);
        return $"its unit '{model.Units[unit].Name}' ({template.GetType().Name}) does not remember the tokens before; set its LongestRecall once it does.";
    }
}
