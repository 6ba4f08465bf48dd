using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;

namespace Horizon.Flow.Alignment.Distillation;

/// <summary>
/// The file of <see cref="TeacherLogits"/>: a mark of 8 bytes, K (int32), the temperature (fp64); then for each sequence the 32 bytes of its key, a count of
/// labels (int32), and for each label K ids and K + 1 log-probabilities (fp32; ids are whole numbers), all little-endian; at the end the SHA-256 of all before.
/// </summary>
internal sealed class TeacherFile : IDisposable
{
    private const int HeadBytes = 8 + sizeof(int) + sizeof(double);

    private readonly SafeFileHandle _handle;
    private readonly Dictionary<SequenceKey, (long Place, int Labels)> _places;

    private TeacherFile(string path, SafeFileHandle handle, int topK, double temperature, Dictionary<SequenceKey, (long, int)> places) =>
        (Path, _handle, TopK, Temperature, _places) = (path, handle, topK, temperature, places);

    private static ReadOnlySpan<byte> Mark => "HFTEACH1"u8;

    public string Path { get; }

    public int TopK { get; }

    public double Temperature { get; }

    public int Count => _places.Count;

    public required string Hash { get; init; }

    public static TeacherFile Open(string path)
    {
        var handle = File.OpenHandle(path);
        try
        {
            var body = RandomAccess.GetLength(handle) - SHA256.HashSizeInBytes;
            if (body < HeadBytes) throw Damaged(path);
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            long at = 0;
            byte[] Take(long count)
            {
                if (count < 0 || count > body - at || count > Array.MaxLength) throw Damaged(path);
                var bytes = new byte[count];
                if (RandomAccess.Read(handle, bytes, at) != count) throw Damaged(path);
                hash.AppendData(bytes);
                at += count;
                return bytes;
            }

            var head = Take(HeadBytes);
            if (!head.AsSpan(0, 8).SequenceEqual(Mark)) throw new HorizonException($"{path} is no file of a teacher's logits");
            var (topK, temperature) = (BitConverter.ToInt32(head, 8), BitConverter.ToDouble(head, 12));
            if (topK < 1 || !(temperature > 0)) throw Damaged(path);
            var places = new Dictionary<SequenceKey, (long, int)>();
            while (at < body)
            {
                var key = new SequenceKey(Convert.ToHexString(Take(SHA256.HashSizeInBytes)));
                var labels = BitConverter.ToInt32(Take(sizeof(int)));
                places[key] = (at, labels);
                Take(labels * (long)Width(topK) * sizeof(float));
            }

            var written = new byte[SHA256.HashSizeInBytes];
            if (RandomAccess.Read(handle, written, body) != written.Length || !hash.GetHashAndReset().AsSpan().SequenceEqual(written)) throw Damaged(path);
            return new TeacherFile(path, handle, topK, temperature, places) { Hash = Convert.ToHexStringLower(written) };
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>What the file has of a sequence; false where it has nothing, or of another number of labels.</summary>
    public bool TryRead(SequenceKey key, Span<float> ids, Span<float> values)
    {
        if (!_places.TryGetValue(key, out var found) || found.Labels * (long)TopK != ids.Length) return false;
        var rows = new float[found.Labels * Width(TopK)];
        if (RandomAccess.Read(_handle, MemoryMarshal.AsBytes(rows.AsSpan()), found.Place) != rows.Length * sizeof(float)) throw Damaged(Path);
        for (var label = 0; label < found.Labels; label++)
        {
            var row = rows.AsSpan(label * Width(TopK), Width(TopK));
            row[..TopK].CopyTo(ids[(label * TopK)..]);
            row[TopK..].CopyTo(values[(label * (TopK + 1))..]);
        }

        return true;
    }

    public void Dispose() => _handle.Dispose();

    private static int Width(int topK) => (2 * topK) + 1;

    private static HorizonException Damaged(string path) => new($"{path} is cut off or damaged; remove it to make it anew from the teacher");

    /// <summary>Writes such a file.</summary>
    public sealed class Writer : IDisposable
    {
        private readonly string _path;
        private readonly FileStream _file;
        private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        private readonly HashSet<SequenceKey> _known = [];

        public Writer(string path, int topK, double temperature)
        {
            ArgumentException.ThrowIfNullOrEmpty(path);
            _path = path;
            _file = File.Create(path + ".part");
            Put(Mark);
            Put(MemoryMarshal.AsBytes([topK]));
            Put(MemoryMarshal.AsBytes([temperature]));
        }

        public bool Knows(SequenceKey key) => _known.Contains(key);

        public void Add(SequenceKey key, ReadOnlySpan<float> rows, int labels)
        {
            if (!_known.Add(key)) return;
            Put(Convert.FromHexString(key.Hash));
            Put(MemoryMarshal.AsBytes([labels]));
            Put(MemoryMarshal.AsBytes(rows));
        }

        public void Finish()
        {
            _file.Write(_hash.GetHashAndReset());
            _file.Flush(flushToDisk: true);
            _file.Dispose();
            File.Move(_path + ".part", _path, overwrite: true);
        }

        public void Dispose()
        {
            _file.Dispose();
            _hash.Dispose();
            File.Delete(_path + ".part");
        }

        private void Put(ReadOnlySpan<byte> bytes)
        {
            _file.Write(bytes);
            _hash.AppendData(bytes);
        }
    }
}
