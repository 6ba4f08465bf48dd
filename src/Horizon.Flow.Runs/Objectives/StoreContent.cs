using System.IO.Hashing;
using Horizon.Flow.Host.Store;

namespace Horizon.Flow.Runs.Objectives;

/// <summary>Tells weights apart.</summary>
internal static class StoreContent
{
    private const int Piece = 1 << 24;

    /// <summary>Hexadecimal digits of all weights as the device reads them.</summary>
    public static string Of(ParameterStore store)
    {
        var hash = new XxHash128();
        foreach (var weights in store.Units.Select(unit => unit.Weights))
            for (long at = 0; at < weights.ByteLength; at += Piece) hash.Append(weights.Span<byte>(at, (int)Math.Min(Piece, weights.ByteLength - at)));
        return Convert.ToHexStringLower(hash.GetCurrentHash());
    }
}
