namespace Horizon.Flow.Units;

/// <summary>
/// How units cut what is wider than a hidden state (the outputs of gate and up, and their gradients) along tokens, so that it does not grow with the
/// length of a row. Only rows beyond <see cref="LongestUncutRow"/> are cut: shorter ones keep for backward what longer ones compute again.
/// </summary>
public static class TokenPieces
{
    /// <summary>The longest row that is computed in one piece, in tokens.</summary>
    public const long LongestUncutRow = 65_536;

    /// <summary>The most tokens of a piece of a longer row.</summary>
    public const long LongestPiece = 32_768;

    /// <summary>Tokens of a piece: all where the rows are not cut; else pieces of equal length, the last one less what is missing.</summary>
    /// <param name="rows">Rows of the micro-batch.</param>
    /// <param name="sequenceLength">Tokens of a row.</param>
    public static long LengthOf(long rows, long sequenceLength)
    {
        var tokens = rows * sequenceLength;
        return sequenceLength <= LongestUncutRow ? tokens : Ceiling(tokens, Ceiling(tokens, LongestPiece));
    }

    private static long Ceiling(long value, long by) => (value + by - 1) / by;
}
