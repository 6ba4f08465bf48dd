using System.IO.Hashing;
using System.Text;

namespace Horizon.Flow.Host.Checkpoints;

/// <summary>XXH128 as text: finds damage, not malice.</summary>
internal static class Checksums
{
    public static string Of(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(XxHash128.Hash(bytes));

    public static string Of(string text) => Of(Encoding.UTF8.GetBytes(text));

    public static string End(XxHash128 hash) => Convert.ToHexStringLower(hash.GetCurrentHash());
}
