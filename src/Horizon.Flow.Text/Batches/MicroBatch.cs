namespace Horizon.Flow.Text;

/// <summary>Rows of tokens for one forward and backward. All arrays are [rows × sequence], row after row.</summary>
public sealed class MicroBatch
{
    /// <summary>Rows.</summary>
    public required int Rows { get; init; }

    /// <summary>Tokens of a row, padding included: the longest row's.</summary>
    public required int SequenceLength { get; init; }

    /// <summary>Token ids; 0 in padding.</summary>
    public required long[] InputIds { get; init; }

    /// <summary>The label of the next token of the same document (already shifted), -100 where nothing is to be learned.</summary>
    public required long[] Targets { get; init; }

    /// <summary>The place within the document's piece, from 0; 0 in padding.</summary>
    public required long[] Positions { get; init; }

    /// <summary>
    /// The number of the document within its row, from 0; padding has a number of its own. Null where every row is one document with
    /// padding only at its end, so that causal attention is enough.
    /// </summary>
    public required long[]? Documents { get; init; }

    /// <summary>Targets that are not -100.</summary>
    public required int LabelledTokens { get; init; }

    /// <summary>Tokens, without padding.</summary>
    public required int TokenCount { get; init; }
}
