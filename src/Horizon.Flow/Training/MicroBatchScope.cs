using Horizon.Flow.Graph;
using static TorchSharp.torch;

namespace Horizon.Flow;

/// <summary>
/// One micro-batch on its way through the graph: its tokens on the device, the inputs and tapes kept for backward, and the hidden state or
/// gradient in hand. Used by one turn at a time, on the compute lane. Owns its tensors.
/// </summary>
public sealed class MicroBatchScope : IDisposable
{
    private readonly Tensor?[] _inputs;
    private readonly IUnitTape?[] _tapes;
    private readonly Lease<ReturnedInput>?[] _returned;
    private readonly TaskCompletionSource<Lease<MovedInput>>[] _moved;
    private Tensor? _hidden;
    private Tensor? _outputGradient;

    /// <summary>Opens a micro-batch. A run does it for each; a loop of your own does it by hand.</summary>
    /// <param name="index">Its place in the step, from 0.</param>
    /// <param name="tokens">The tokens on the host.</param>
    /// <param name="layers">Entries of <see cref="ModelDefinition.Hidden"/>.</param>
    public MicroBatchScope(int index, MicroBatch tokens, int layers)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        Index = index;
        Tokens = tokens;
        _inputs = new Tensor?[layers];
        _tapes = new IUnitTape?[layers];
        _returned = new Lease<ReturnedInput>?[layers];
        _moved = [.. Enumerable.Range(0, layers).Select(_ => new TaskCompletionSource<Lease<MovedInput>>(TaskCreationOptions.RunContinuationsAsynchronously))];
    }

    /// <summary>Its place in the step, from 0.</summary>
    public int Index { get; }

    /// <summary>The tokens on the host.</summary>
    public MicroBatch Tokens { get; }

    /// <summary>The order of its visits.</summary>
    public Turnstile Turns { get; } = new();

    /// <summary>The right to hold activations on the device; taken by admission, given back when the last gradient goes down, or at the last visit.</summary>
    public Lease<object>? Admission { get; set; }

    /// <summary>The admission, the caller's from now on; null where there is none.</summary>
    public Lease<object>? TakeAdmission()
    {
        var admission = Admission;
        Admission = null;
        return admission;
    }

    /// <summary>The tokens on the device, made by the first visit.</summary>
    public DeviceBatch? Batch { get; private set; }

    /// <summary>[batch, sequence, hidden]: the output of the last forward. Setting it disposes the old one unless it was kept.</summary>
    public Tensor? Hidden
    {
        get => _hidden;
        set => Exchange(ref _hidden, value);
    }

    /// <summary>[batch, sequence, hidden]: the gradient of the output of the unit whose backward is next. Setting it disposes the old one.</summary>
    public Tensor? OutputGradient
    {
        get => _outputGradient;
        set => Exchange(ref _outputGradient, value);
    }

    /// <summary>The tokens on the device; copies them there at the first call.</summary>
    public DeviceBatch BatchOn(IComputeDevice device) => Batch ??= Copy(device.TorchDevice, device.Operators);

    /// <summary>Keeps a layer's input for recomputation.</summary>
    public void KeepInput(int layer, Tensor? input) => _inputs[layer] = input;

    /// <summary>A layer's kept input.</summary>
    public Tensor? InputOf(int layer) => _inputs[layer];

    /// <summary>Keeps what a layer's backward needs.</summary>
    public void KeepTape(int layer, IUnitTape tape) => _tapes[layer] = tape;

    /// <summary>A layer's kept tape, the caller's from now on.</summary>
    /// <exception cref="InvalidOperationException">None was kept.</exception>
    public IUnitTape TakeTape(int layer)
    {
        var tape = _tapes[layer] ?? throw new InvalidOperationException($"layer {layer} kept no tape");
        _tapes[layer] = null;
        return tape;
    }

    /// <summary>Says in which host buffer a layer's input lies, or will when the buffer's fence is complete.</summary>
    public void MoveInput(int layer, Lease<MovedInput> place) => _moved[layer].SetResult(place);

    /// <summary>Ends when a layer's input is on its way to host memory. From any thread.</summary>
    public ValueTask<Lease<MovedInput>> MovedInputAsync(int layer, CancellationToken cancellation = default) =>
        new(_moved[layer].Task.WaitAsync(cancellation));

    /// <summary>Takes a layer's input back, from a buffer that is given back with <see cref="DropInput"/>.</summary>
    public void ReturnInput(int layer, Lease<ReturnedInput> returned)
    {
        ArgumentNullException.ThrowIfNull(returned);
        _returned[layer] = returned;
        _inputs[layer] = returned.Value.Open();
    }

    /// <summary>Disposes a layer's kept input, and its kept tape if it was not taken.</summary>
    public void DropInput(int layer)
    {
        _tapes[layer]?.Dispose();
        _tapes[layer] = null;
        if (_inputs[layer] is not { } input) return;
        _inputs[layer] = null;
        if (!ReferenceEquals(input, _hidden)) input.Dispose();
        if (_returned[layer] is not { } returned) return;
        _returned[layer] = null;
        returned.Value.Close();
        returned.Dispose();
    }

    /// <summary>Whether everything was disposed.</summary>
    public bool IsClosed { get; private set; }

    /// <summary>Disposes every tensor and gives the admission back.</summary>
    public void Dispose()
    {
        IsClosed = true;
        for (var layer = 0; layer < _inputs.Length; layer++) DropInput(layer);
        AwaitCopies();
        Hidden = null;
        OutputGradient = null;
        Batch?.Dispose();
        Batch = null;
        Admission?.Dispose();
        Admission = null;
    }

    // Only what was stopped half-way finds a copy still under way here, and what it reads is disposed next.
    private void AwaitCopies()
    {
        foreach (var moved in _moved.Where(moved => moved.Task.IsCompletedSuccessfully).Select(moved => moved.Task.Result).Where(place => !place.IsReturned))
            moved.Value.Fence.WaitForEnd();
    }

    private void Exchange(ref Tensor? place, Tensor? value)
    {
        var old = place;
        place = value;
        if (old is not null && !ReferenceEquals(old, value) && !_inputs.Any(input => ReferenceEquals(input, old))) old.Dispose();
    }

    // One copy for all of it, from page-locked memory where the device is not the CPU: the thread that launches operators does not wait
    // for it, and libtorch keeps the page-locked block until it is done.
    private DeviceBatch Copy(Device device, IUnitOperators operators)
    {
        using var scope = NewDisposeScope();
        var all = tensor([.. Tokens.InputIds, .. Tokens.Targets, .. Tokens.Positions, .. Tokens.LabelledPlaces, .. Tokens.Documents ?? []], int64);
        if (device.type != TorchSharp.DeviceType.CPU) all = all.pin_memory().to(device, non_blocking: true);
        long next = 0;
        Tensor Take(long count)
        {
            var part = all.narrow(0, next, count);
            next += count;
            return part;
        }

        Tensor Rows() => Take(Tokens.InputIds.Length).view(Tokens.Rows, Tokens.SequenceLength).DetachFromDisposeScope();
        var (ids, targets, positions) = (Rows(), Rows(), Rows());
        var labelled = Take(Tokens.LabelledTokens).DetachFromDisposeScope();
        return new DeviceBatch(ids, targets, positions, Tokens.Documents is null ? null : Rows(), labelled, operators) { Index = Index };
    }
}
