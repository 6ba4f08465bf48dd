using System.Globalization;
using System.Text.RegularExpressions;

namespace Horizon.Flow.Host.Memory;

/// <summary>An amount of memory. Written as <c>80GiB</c>, <c>1.5TiB</c> (powers of 1024), <c>512MB</c> (powers of 1000) or plain bytes.</summary>
/// <param name="Bytes">The exact number of bytes.</param>
public readonly partial record struct ByteSize(long Bytes) : IComparable<ByteSize>
{
    private const string Prefixes = "kMGTPE";

    /// <summary>So many times 2^20 bytes.</summary>
    public static ByteSize FromMebibytes(double count) => new(checked((long)(count * (1L << 20))));

    /// <summary>So many times 2^30 bytes.</summary>
    public static ByteSize FromGibibytes(double count) => new(checked((long)(count * (1L << 30))));

    /// <summary>Reads an amount such as <c>80GiB</c>.</summary>
    /// <exception cref="HorizonException">The text is not an amount of memory, or more than 8 EiB.</exception>
    public static ByteSize Parse(string text) => TryParse(text, out var size)
        ? size
        : throw new HorizonException($"'{text}' is not an amount of memory; write for instance 80GiB, 1.5TiB or 512MB.");

    /// <summary>Reads an amount such as <c>80GiB</c>; false when the text is none. Case and a space before the unit do not matter.</summary>
    public static bool TryParse(string? text, out ByteSize size)
    {
        size = default;
        if (Pattern().Match(text ?? "") is not { Success: true } match
            || !decimal.TryParse(match.Groups["number"].ValueSpan, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number))
            return false;
        var power = match.Groups["prefix"].Success
            ? Prefixes.IndexOf(match.Groups["prefix"].Value, StringComparison.OrdinalIgnoreCase) + 1
            : 0;
        var unit = match.Groups["binary"].Success ? 1024m : 1000m;
        // long.MaxValue is exact in a decimal; the loop stops before the product can leave the decimal's own range.
        for (; power > 0 && number <= long.MaxValue; power--)
            number *= unit;
        if (power > 0 || decimal.Round(number) > long.MaxValue)
            return false;
        size = new ByteSize((long)decimal.Round(number));
        return true;
    }

    /// <inheritdoc/>
    public int CompareTo(ByteSize other) => Bytes.CompareTo(other.Bytes);

    /// <summary>The amount in the largest binary unit that leaves at least 1, with at most two decimals: <c>1.5 GiB</c>.</summary>
    public override string ToString()
    {
        // The prefix is chosen after rounding, so that 1024 MiB less a byte is 1 GiB.
        double value = Bytes;
        var power = 0;
        while (Math.Abs(Math.Round(value, 2)) >= 1024 && power < Prefixes.Length)
        {
            value /= 1024;
            power++;
        }
        var unit = power == 0 ? "B" : $"{char.ToUpperInvariant(Prefixes[power - 1])}iB";
        return string.Create(CultureInfo.InvariantCulture, $"{value:0.##} {unit}");
    }

    /// <summary>Adds two amounts.</summary>
    /// <exception cref="OverflowException">The sum is more than 8 EiB.</exception>
    public static ByteSize operator +(ByteSize left, ByteSize right) => new(checked(left.Bytes + right.Bytes));

    /// <summary>Whether the left amount is the smaller one.</summary>
    public static bool operator <(ByteSize left, ByteSize right) => left.Bytes < right.Bytes;

    /// <summary>Whether the left amount is the larger one.</summary>
    public static bool operator >(ByteSize left, ByteSize right) => left.Bytes > right.Bytes;

    /// <summary>Whether the left amount is not the larger one.</summary>
    public static bool operator <=(ByteSize left, ByteSize right) => left.Bytes <= right.Bytes;

    /// <summary>Whether the left amount is not the smaller one.</summary>
    public static bool operator >=(ByteSize left, ByteSize right) => left.Bytes >= right.Bytes;

    [GeneratedRegex(@"^\s*(?<number>[0-9]{1,19}(\.[0-9]{1,9})?)\s*((?<prefix>[kmgtpe])(?<binary>i)?)?b?\s*$",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex Pattern();
}
