using Horizon.Flow.Host.Memory;

namespace Horizon.Flow.Units;

/// <summary>What the memory of a micro-batch's activations depends on.</summary>
/// <param name="Rows">Rows of the micro-batch.</param>
/// <param name="SequenceLength">Tokens of a row.</param>
/// <param name="Type">The type of weights and activations.</param>
public sealed record BatchShape(long Rows, long SequenceLength, ElementType Type)
{
    /// <summary>Whether the operators between matrix products need no temporaries: the kernels of a GPU, in bf16.</summary>
    public bool FusedOperators { get; init; }

    /// <summary>Whether a processor computes: its operators between matrix products go through a few rows at a time.</summary>
    public bool OnProcessor { get; init; }

    /// <summary>Linear attention by the device's own kernels, which keep less; null where it has none, or is not known.</summary>
    public IDeltaOperators? Delta { get; init; }

    /// <summary>A part of attention's backward over whole rows by the device's own kernel, beside which no sums of many parts exist; null where it has none, or is not known.</summary>
    public IRowAttention? RowAttention { get; init; }

    /// <summary>Whether rows may hold several documents.</summary>
    public bool Packed { get; init; }

    /// <summary>Whether sums of attention's backward are in a fixed order, which takes memory where rows are few and long.</summary>
    public bool Deterministic { get; init; } = true;

    /// <summary>Whether every row is one document that fills it; else rows may be shorter.</summary>
    public bool WholeRows { get; init; }

    /// <summary>Tokens that no micro-batch has more of, where rows are not all full; null where they may be.</summary>
    public long? MostTokens { get; init; }

    /// <summary>Tokens of the micro-batch.</summary>
    public long Tokens => Math.Min(Rows * SequenceLength, MostTokens ?? long.MaxValue);

    /// <summary>Tokens of a micro-batch none of whose rows is cut into pieces (<see cref="TokenPieces"/>): all of them, fewer where rows may be longer, and none where all are.</summary>
    public long UncutTokens => WholeRows && SequenceLength > TokenPieces.LongestUncutRow ? 0 : Math.Min(Tokens, Rows * Math.Min(SequenceLength, TokenPieces.LongestUncutRow));

    /// <summary>Tokens of a piece at most.</summary>
    public long PieceTokens => UncutTokens == Tokens ? Tokens : TokenPieces.LongestPiece;

    /// <summary>Bytes of one number for each token.</summary>
    public long TokenBytes => Tokens * Type.ByteSize();

    /// <summary>Bytes of one fp32 number for each token.</summary>
    public long WideTokenBytes => Tokens * sizeof(float);
}
