using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Horizon.Flow.Alignment;

/// <summary>
/// The file of <see cref="ReferenceLogProbabilities"/>: a mark of 8 bytes, then for each sequence, by key, the 32 bytes of its key, a count (int32) and that many
/// fp32, all little-endian; at the end the SHA-256 of all before.
/// </summary>
internal static class ReferenceFile
{
    private static ReadOnlySpan<byte> Mark => "HFREFLP1"u8;

    public static void Write(string path, IReadOnlyDictionary<SequenceKey, float[]> values) => WholeFile.Write(path, file =>
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Put(Mark);
        foreach (var (key, numbers) in values.OrderBy(entry => entry.Key.Hash, StringComparer.Ordinal))
        {
            Put(Convert.FromHexString(key.Hash));
            Put(MemoryMarshal.AsBytes([numbers.Length]));
            Put(MemoryMarshal.AsBytes(numbers.AsSpan()));
        }

        file.Write(hash.GetHashAndReset());

        void Put(ReadOnlySpan<byte> bytes)
        {
            file.Write(bytes);
            hash.AppendData(bytes);
        }
    });

    public static IEnumerable<(SequenceKey Key, float[] Values)> Read(string path)
    {
        var bytes = File.ReadAllBytes(path);
        var body = bytes.Length - SHA256.HashSizeInBytes;
        if (body < Mark.Length || !bytes.AsSpan(0, Mark.Length).SequenceEqual(Mark))
            throw new HorizonException($"{path} is no file of reference log-probabilities; compute them anew from the untouched model");
        if (!SHA256.HashData(bytes.AsSpan(0, body)).AsSpan().SequenceEqual(bytes.AsSpan(body)))
            throw new HorizonException($"{path} is cut off or damaged; compute the reference log-probabilities anew from the untouched model");
        var found = new List<(SequenceKey, float[])>();
        for (var at = Mark.Length; at < body;)
        {
            var key = new SequenceKey(Convert.ToHexString(bytes, at, SHA256.HashSizeInBytes));
            var count = BitConverter.ToInt32(bytes, at + SHA256.HashSizeInBytes);
            at += SHA256.HashSizeInBytes + sizeof(int);
            found.Add((key, MemoryMarshal.Cast<byte, float>(bytes.AsSpan(at, count * sizeof(float))).ToArray()));
            at += count * sizeof(float);
        }

        return found;
    }
}
