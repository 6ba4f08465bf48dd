using System.Globalization;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using Horizon.Flow.Text.Data;

namespace Horizon.Flow.Text.Batches;

/// <summary>Tells data sets apart by their tokens.</summary>
internal static class TokenFingerprint
{
    /// <summary>Sixteen hexadecimal digits of all tokens and labels in their order.</summary>
    public static string Of(IEnumerable<TokenDocument> documents)
    {
        var hash = new XxHash3();
        foreach (var document in documents)
        {
            hash.Append(MemoryMarshal.AsBytes([document.InputIds.Length]));
            hash.Append(MemoryMarshal.AsBytes(document.InputIds.AsSpan()));
            hash.Append(MemoryMarshal.AsBytes(document.Labels.AsSpan()));
        }

        return hash.GetCurrentHashAsUInt64().ToString("x16", CultureInfo.InvariantCulture);
    }
}
