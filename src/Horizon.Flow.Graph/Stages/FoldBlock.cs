namespace Horizon.Flow.Graph;

/// <summary>Lets messages pass and folds what it sees in them into one value, which may be read at any time: an average, a maximum, a count.</summary>
/// <remarks>
/// <para>Takes and gives: the same messages.</para>
/// <para>Waits when: never. Completes when: told to, after its last message. On fault: as <see cref="StageBlock{TIn,TOut}"/>.</para>
/// <para>Owns: the value.</para>
/// </remarks>
/// <typeparam name="TMessage">What flows on the edge.</typeparam>
/// <typeparam name="TValue">What is kept; immutable.</typeparam>
public sealed class FoldBlock<TMessage, TValue> : StageBlock<TMessage, TMessage>, IStageValue<TValue>
    where TMessage : class
{
    private readonly Cell _cell;

    /// <summary>Creates the block.</summary>
    /// <param name="options">Bounds.</param>
    /// <param name="seed">The value before the first message.</param>
    /// <param name="fold">The value after a message; runs on the edge, in order, one at a time.</param>
    public FoldBlock(StageOptions options, TValue seed, Func<TValue, TMessage, TValue> fold)
        : this(options, fold, new Cell(seed)) => ArgumentNullException.ThrowIfNull(fold);

    private FoldBlock(StageOptions options, Func<TValue, TMessage, TValue> fold, Cell cell)
        : base(options, message =>
        {
            cell.Value = fold(cell.Value, message);
            return message;
        }) => _cell = cell;

    /// <inheritdoc/>
    public TValue Value => _cell.Value;

    // A value of several words must not be read half written.
    private sealed class Cell(TValue seed)
    {
        private readonly Lock _gate = new();
        private TValue _value = seed;

        public TValue Value
        {
            get
            {
                lock (_gate) return _value;
            }

            set
            {
                lock (_gate) _value = value;
            }
        }
    }
}
