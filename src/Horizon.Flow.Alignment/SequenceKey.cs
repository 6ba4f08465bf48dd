using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Horizon.Flow.Alignment;

/// <summary>SHA-256 of what decides a sequence's log-probabilities: its ids, positions and labels up to the last one.</summary>
/// <param name="Hash">In hexadecimal digits.</param>
internal readonly record struct SequenceKey(string Hash)
{
    public static IReadOnlyList<SequenceKey> Of(MicroBatch batch)
    {
        var keys = new List<SequenceKey>();
        var start = 0;
        for (var end = 1; end <= batch.InputIds.Length; end++)
        {
            if (end < batch.InputIds.Length && end % batch.SequenceLength != 0 && (batch.Documents is null || batch.Documents[end] == batch.Documents[end - 1])) continue;
            keys.Add(Of(batch, start, end));
            start = end;
        }

        return keys;
    }

    private static SequenceKey Of(MicroBatch batch, int start, int end)
    {
        while (end > start && batch.Targets[end - 1] == MicroBatch.Unlabelled) end--;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var array in (long[][])[batch.InputIds, batch.Positions, batch.Targets]) hash.AppendData(MemoryMarshal.AsBytes(array.AsSpan(start..end)));
        return new SequenceKey(Convert.ToHexString(hash.GetHashAndReset()));
    }
}
