using Horizon.Flow.Devices;
using Horizon.Flow.Messages;
using static TorchSharp.torch;

namespace Horizon.Flow.Units;

/// <summary>One micro-batch on the compute device. Owns its tensors.</summary>
public sealed class DeviceBatch : IDisposable
{
    private readonly Dictionary<object, Tensor> _shared = [];
    private Tensor? _labelledTokens;
    private DocumentSpans? _spans;
    private long? _pieceTokens;
    private long? _tokenCount;
    private IReadOnlyDictionary<string, Tensor> _columns = new Dictionary<string, Tensor>();
    private IReadOnlyList<int>? _labelledBySequence;

    /// <summary>Takes ownership of the tensors.</summary>
    /// <param name="inputIds">[batch, sequence] int64.</param>
    /// <param name="targets">[batch, sequence] int64: the token that follows, or -100 where nothing is to be learned.</param>
    /// <param name="positions">[batch, sequence] int64: the place within its document.</param>
    /// <param name="documents">[batch, sequence] int64: tokens attend to earlier tokens of the same document; null for one document a row.</param>
    /// <param name="labelledTokens">See <see cref="LabelledTokens"/>; null to look for them on the device.</param>
    /// <param name="operators">How the device computes what lies between matrix products; libtorch's operators by default.</param>
    public DeviceBatch(
        Tensor inputIds, Tensor targets, Tensor positions, Tensor? documents, Tensor? labelledTokens = null, IUnitOperators? operators = null)
    {
        Operators = operators ?? new EagerOperators();
        InputIds = inputIds;
        Targets = targets;
        Positions = positions;
        Documents = documents;
        _labelledTokens = labelledTokens;
    }

    /// <summary>Its place in the step, from 0.</summary>
    public int Index { get; init; }

    /// <summary>Which of the plan's models visits it now: 0 is the one that is trained. What units leave in the batch (<see cref="Shared"/>) must not be taken for another model's.</summary>
    public int Store { get; internal set; }

    /// <summary>Real tokens, without padding; all by default.</summary>
    public long TokenCount
    {
        get => _tokenCount ?? BatchSize * SequenceLength;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            _tokenCount = value;
        }
    }

    /// <summary>The step or pass that it belongs to: its number, its purpose, what its loss is the mean over. Null for a batch that was made by hand.</summary>
    public StepInfo? Step { get; init; }

    /// <summary>Where the random numbers begin that units draw in training; null where they draw none (<see cref="MicroBatch.Seed"/>).</summary>
    public long? Seed { get; init; }

    /// <summary>Whether it only keeps others company (<see cref="MicroBatch.IsSpare"/>): what is made of it is multiplied by 0.</summary>
    public bool IsSpare { get; init; }

    /// <summary>What units remember of the tokens before those of the batch; null where there are none. Owned by whoever gave it.</summary>
    public Recall? Recall { get; init; }

    /// <summary>The tokens that can be looked at: those of the batch, and with a <see cref="Recall"/> those before them.</summary>
    public DeviceBatch Context => Recall?.All ?? this;

    /// <summary>[batch, sequence] int64.</summary>
    public Tensor InputIds { get; }

    /// <summary>[batch, sequence] int64, -100 = not trained on. Already shifted: position t holds the token after t.</summary>
    public Tensor Targets { get; }

    /// <summary>[batch, sequence] int64.</summary>
    public Tensor Positions { get; }

    /// <summary>[batch, sequence] int64, or null for one document a row.</summary>
    public Tensor? Documents { get; }

    /// <summary>
    /// [labelled tokens] int64, ascending: the places in the flattened <see cref="Targets"/> that are not -100. Looking for them on a
    /// CUDA device makes the host wait, so whoever builds the batch from host memory does better to give them.
    /// </summary>
    public Tensor LabelledTokens => _labelledTokens ??= FindLabelledTokens();

    /// <summary>Where its documents lie; of a batch that was made without host memory they are looked for on the device, and the host waits.</summary>
    public DocumentSpans Spans => _spans ??= FindSpans();

    /// <summary>
    /// How many of <see cref="LabelledTokens"/> each sequence has: each document of each row, in the order in which they lie, so that those of one sequence
    /// are neighbours. Of a batch that was made without host memory they are counted on the device, and the host waits.
    /// </summary>
    public IReadOnlyList<int> LabelledBySequence => _labelledBySequence ??= CountBySequence();

    /// <summary>The names of the micro-batch's columns.</summary>
    public IEnumerable<string> ColumnNames => _columns.Keys;

    /// <summary>How the device computes what lies between matrix products.</summary>
    public IUnitOperators Operators { get; }

    /// <summary>Tokens of the pieces in which units compute what is wider than a hidden state.</summary>
    /// <value>As <see cref="TokenPieces"/> says for the rows.</value>
    public long PieceTokens
    {
        get => _pieceTokens ?? TokenPieces.LengthOf(BatchSize, SequenceLength);
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1);
            _pieceTokens = value;
        }
    }

    /// <summary>Rows.</summary>
    public long BatchSize => InputIds.shape[0];

    /// <summary>Tokens of a row.</summary>
    public long SequenceLength => InputIds.shape[1];

    /// <summary>Copies a micro-batch to a device: one copy for all of its tokens and one for each column, for none of which the calling thread waits.</summary>
    /// <param name="tokens">The micro-batch on the host.</param>
    /// <param name="index">Its place in the step, from 0.</param>
    /// <param name="device">Where to.</param>
    /// <param name="step">The step that it belongs to; null for none.</param>
    public static DeviceBatch Of(MicroBatch tokens, int index, IComputeDevice device, StepInfo? step = null)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        ArgumentNullException.ThrowIfNull(device);
        using var scope = NewDisposeScope();
        var all = tensor([.. tokens.InputIds, .. tokens.Targets, .. tokens.Positions, .. tokens.LabelledPlaces, .. tokens.Documents ?? []], int64).ToDevice(device.TorchDevice);
        long next = 0;
        Tensor Take(long count)
        {
            var part = all.narrow(0, next, count);
            next += count;
            return part;
        }

        Tensor Rows() => Take(tokens.InputIds.Length).view(tokens.Rows, tokens.SequenceLength).DetachFromDisposeScope();
        var (ids, targets, positions) = (Rows(), Rows(), Rows());
        var labelled = Take(tokens.LabelledTokens).DetachFromDisposeScope();
        return new DeviceBatch(ids, targets, positions, tokens.Documents is null ? null : Rows(), labelled, device.Operators)
        {
            Index = index,
            Step = step,
            TokenCount = tokens.TokenCount,
            Seed = tokens.Seed,
            IsSpare = tokens.IsSpare,
            _columns = tokens.Columns.ToDictionary(column => column.Key, column => tensor(column.Value).ToDevice(device.TorchDevice).DetachFromDisposeScope()),
            _labelledBySequence = tokens.LabelledBySequence,
            _spans = tokens.Documents is null ? null : DocumentSpans.Of(tokens.Documents, tokens.Rows, tokens.SequenceLength, device.TorchDevice),
        };
    }

    /// <summary>[count] fp32: a column of the micro-batch (<see cref="MicroBatch.Columns"/>). Owned by the batch.</summary>
    /// <param name="name">The column's name.</param>
    /// <exception cref="HorizonException">The micro-batch has none of that name.</exception>
    public Tensor Column(string name) => _columns.TryGetValue(name, out var column) ? column : throw new HorizonException(
        $"micro-batch {Index + 1} of the step has no column '{name}'{(_columns.Count == 0 ? "" : $", only {string.Join(", ", _columns.Keys.Order(StringComparer.Ordinal))}")}; add it with {nameof(MicroBatch)}.{nameof(MicroBatch.WithColumn)}");

    /// <summary>[labelled tokens, hidden]: the rows of a hidden state that have a label, in the caller's dispose scope.</summary>
    /// <param name="hidden">[batch, sequence, hidden].</param>
    public Tensor LabelledRows(Tensor hidden)
    {
        ArgumentNullException.ThrowIfNull(hidden);
        using var scope = NewDisposeScope();
        return hidden.reshape(-1, hidden.shape[^1]).index_select(0, LabelledTokens).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// [batch or 1, 1, sequence, context] bool, true where the query (third axis) may look at the key (fourth); null where plain
    /// causal attention is meant. The context is the sequence, or with a <see cref="Recall"/> longer. Owned by the batch, built once for each window.
    /// </summary>
    /// <param name="slidingWindow">A token sees this many tokens, itself included; null for all.</param>
    public Tensor? AttentionMask(int? slidingWindow = null)
    {
        if (slidingWindow >= Context.SequenceLength) slidingWindow = null;
        if (Documents is null && slidingWindow is null && Context.SequenceLength == SequenceLength) return null;
        return Shared(("attention mask", slidingWindow), () => BuildMask(slidingWindow));
    }

    /// <summary>
    /// What all units of a kind derive from the batch alone (a mask, rotary tables): made on first use, outside every autograd graph,
    /// and owned by the batch.
    /// </summary>
    /// <param name="key">Tells it from others by equality.</param>
    /// <param name="make">Makes it.</param>
    public Tensor Shared(object key, Func<Tensor> make)
    {
        ArgumentNullException.ThrowIfNull(make);
        if (_shared.TryGetValue(key, out var found)) return found;
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        return _shared[key] = make().DetachFromDisposeScope();
    }

    /// <summary>What <see cref="Shared"/> made under a key; null where nobody asked for it yet. Owned by the batch.</summary>
    /// <param name="key">As it was made.</param>
    public Tensor? FindShared(object key) => _shared.GetValueOrDefault(key);

    /// <inheritdoc/>
    public void Dispose()
    {
        InputIds.Dispose();
        Targets.Dispose();
        Positions.Dispose();
        Documents?.Dispose();
        _labelledTokens?.Dispose();
        _spans?.Dispose();
        foreach (var column in _columns.Values) column.Dispose();
        foreach (var tensor in _shared.Values) tensor.Dispose();
        _shared.Clear();
    }

    private int[] CountBySequence()
    {
        using var onHost = LabelledTokens.cpu();
        using var places = onHost.data<long>();
        var counts = new int[Spans.Count];
        var sequence = 0;
        foreach (var place in places)
        {
            while (place >= Spans.Starts[sequence + 1]) sequence++;
            counts[sequence]++;
        }

        return counts;
    }

    private Tensor BuildMask(int? slidingWindow)
    {
        var place = TensorArithmetic.Range(Context.SequenceLength, device: InputIds.device);
        var query = place.narrow(0, Context.SequenceLength - SequenceLength, SequenceLength).unsqueeze(1);
        var key = place.unsqueeze(0);
        var allowed = key.le(query);
        if (slidingWindow is { } window) allowed = allowed.logical_and(key.gt(query.Minus(window)));
        allowed = allowed.unsqueeze(0);
        if (Documents is not null) allowed = allowed.logical_and(Documents.unsqueeze(2).eq(Documents.unsqueeze(1)));
        return allowed.unsqueeze(1);
    }

    private DocumentSpans FindSpans()
    {
        if (Documents is null) return DocumentSpans.Of([], (int)BatchSize, (int)SequenceLength, InputIds.device);
        using var onHost = Documents.cpu();
        using var numbers = onHost.data<long>();
        return DocumentSpans.Of(numbers.ToArray(), (int)BatchSize, (int)SequenceLength, InputIds.device);
    }

    private Tensor FindLabelledTokens()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        return Targets.flatten().With(-100, static (x, ignored) => x.ne(ignored)).nonzero().flatten().DetachFromDisposeScope();
    }
}
