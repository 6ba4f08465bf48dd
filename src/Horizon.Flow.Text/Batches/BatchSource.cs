using Horizon.Flow.Text.Data;
using Horizon.Flow.Text.Tokenizers;
using Horizon.Flow.Text.Tokens;

namespace Horizon.Flow.Text.Batches;

/// <summary>
/// A data set as micro-batches. Every epoch holds the same rows, in an order that depends on seed and epoch alone, so any micro-batch of
/// any epoch can be asked for at any time: a run resumes where it stopped. Safe to use from several threads.
/// </summary>
public sealed class BatchSource : IBatchSource
{
    // Rows of all epochs: a fraction of a second.
    private const long LookedAt = 5_000_000;

    private readonly DocumentTable _documents;
    private readonly RowList _rows;
    private readonly bool _shuffle;
    private readonly bool _groupByLength;
    private readonly int _batchSize;
    private readonly long _seed;
    private EpochOrder? _latest;

    private BatchSource(DocumentTable documents, DataOptions options, int batchSize, long seed)
    {
        if (options.SequenceLength < 1) throw new HorizonException($"data.sequence_length is {options.SequenceLength}: it must be 1 or more.");
        if (batchSize < 1) throw new HorizonException($"training.batch_size is {batchSize}: it must be 1 or more.");
        _documents = documents;
        (_rows, Summary) = RowPlan.Create(documents, options, seed);
        _shuffle = options.Shuffle;
        _groupByLength = options.GroupByLength;
        _batchSize = batchSize;
        _seed = seed;
    }

    /// <summary>What an epoch holds, and what the user should know about it.</summary>
    public DataSummary Summary { get; private set; }

    /// <summary>All documents, in the order of the files, before they are laid into rows; each is read when it is asked for.</summary>
    public IReadOnlyList<TokenDocument> Documents => _documents;

    /// <summary>Tokens of each document, in the same order.</summary>
    public IEnumerable<int> DocumentLengths => Enumerable.Range(0, _documents.Count).Select(_documents.Length);

    /// <summary>What it takes of host memory as long as it is used, in bytes; what is held out not counted.</summary>
    public long HostBytes => _documents.HostBytes + _rows.HostBytes + (IsOrdered ? sizeof(int) * (long)_rows.Count : 0);

    /// <summary>The documents that are held out, in the order of the files; null where none are.</summary>
    public BatchSource? HeldOut { get; private init; }

    IBatchSource? IBatchSource.HeldOut => HeldOut;

    /// <summary>
    /// Sixteen hexadecimal digits of all tokens and labels in their order: another data set, or the same one read in another way, has others.
    /// </summary>
    public string Fingerprint => TokenFingerprint.Of(_documents);

    /// <summary>
    /// Reads and tokenizes a data set, on all processors. The tokens of more than a few megabytes go to a file
    /// (<see cref="DataOptions.CacheFolder"/>), from which batches are read: what is held in memory is some 40 bytes a document.
    /// </summary>
    /// <param name="options">Which data, and how it becomes rows.</param>
    /// <param name="tokenizer">Needed for every format but tokens.</param>
    /// <param name="vocabularySize">The model's vocabulary; ids must be below it.</param>
    /// <param name="batchSize">Rows of a micro-batch.</param>
    /// <param name="seed">Of the order.</param>
    /// <param name="progress">Is told how far the reading is, from the thread that reads.</param>
    /// <exception cref="HorizonException">The data is missing, empty, of a kind that is not read, or asks for another kind of training; more
    /// records than allowed are malformed or beyond the vocabulary (names file and line of the first); or nothing is to be learned.</exception>
    public static BatchSource Open(DataOptions options, ITokenizer? tokenizer, int vocabularySize, int batchSize, long seed, IProgress<DataProgress>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        var read = DocumentSet.Read(options, tokenizer, vocabularySize, progress);
        var source = new BatchSource(read.Documents, options, batchSize, seed)
        {
            HeldOut = read.HeldOut.Count > 0 ? new BatchSource(read.HeldOut, options with { Shuffle = false }, batchSize, seed) : null,
        };
        source.Summary = source.Summary with { BadRecords = read.BadRecords, Warnings = [.. read.Notices, .. source.Summary.Warnings] };
        return source;
    }

    /// <summary>Takes documents that are at hand.</summary>
    /// <param name="documents">The documents, labels as many as ids.</param>
    /// <param name="options">How they become rows; the path serves messages only.</param>
    /// <param name="batchSize">Rows of a micro-batch.</param>
    /// <param name="seed">Of the order.</param>
    /// <exception cref="HorizonException">Nothing is to be learned from them.</exception>
    public static BatchSource FromDocuments(IReadOnlyList<TokenDocument> documents, DataOptions options, int batchSize, long seed)
    {
        ArgumentNullException.ThrowIfNull(documents);
        ArgumentNullException.ThrowIfNull(options);
        if (documents.Any(d => d.InputIds.Length != d.Labels.Length))
            throw new ArgumentException("Every document must have as many labels as ids.", nameof(documents));
        return new BatchSource(documents as DocumentTable ?? new HeldDocuments(documents), options, batchSize, seed);
    }

    /// <summary>Micro-batches of an epoch; the last one may have fewer rows.</summary>
    /// <param name="epoch">From 0; all epochs are of one length.</param>
    public int MicroBatchesPerEpoch(int epoch)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(epoch);
        return (_rows.Count + _batchSize - 1) / _batchSize;
    }

    /// <summary>A micro-batch; the same for the same arguments.</summary>
    /// <param name="epoch">From 0.</param>
    /// <param name="index">From 0 to below <see cref="MicroBatchesPerEpoch"/>.</param>
    public MicroBatch GetMicroBatch(int epoch, int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, MicroBatchesPerEpoch(epoch));
        var order = Order(epoch);
        var first = index * _batchSize;
        var rows = new ArraySegment<Segment>[Math.Min(_batchSize, _rows.Count - first)];
        for (var i = 0; i < rows.Length; i++) rows[i] = _rows[order is null ? first + i : order[first + i]];
        return BatchBuilder.Build(rows, _documents);
    }

    /// <summary>Tokens of the largest micro-batch of some epochs, or, where these are too many to look at, a bound that no order exceeds.</summary>
    /// <param name="epochs">The first so many epochs; at least 1.</param>
    /// <param name="batchSize">Rows of a micro-batch; null for those of the source.</param>
    public long MostTokens(int epochs, int? batchSize = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(epochs, 1);
        var size = batchSize ?? _batchSize;
        ArgumentOutOfRangeException.ThrowIfLessThan(size, 1, nameof(batchSize));
        int[] lengths = [.. Enumerable.Range(0, _rows.Count).Select(_rows.Tokens)];
        if (IsOrdered && (long)epochs * lengths.Length > LookedAt) return lengths.OrderDescending().Take(size).Sum(length => (long)length);
        var orders = Enumerable.Range(0, IsOrdered ? epochs : 1).Select(epoch => MakeOrder(epoch, size) ?? [.. Enumerable.Range(0, lengths.Length)]);
        var (most, full) = (0L, Math.Min(size, lengths.Length) * (long)Summary.LongestRow);
        foreach (var batch in orders.SelectMany(order => order.Chunk(size)))
        {
            most = Math.Max(most, batch.Sum(row => (long)lengths[row]));
            // None has more, and of packed running text the first has as many.
            if (most == full) break;
        }

        return most;
    }

    private bool IsOrdered => _shuffle || _groupByLength;

    private int[]? Order(int epoch)
    {
        if (!IsOrdered) return null;
        if (_latest is { } latest && latest.Epoch == epoch) return latest.Rows;
        var order = new EpochOrder(epoch, MakeOrder(epoch, _batchSize)!);
        _latest = order;
        return order.Rows;
    }

    private int[]? MakeOrder(int epoch, int batchSize)
    {
        if (!IsOrdered) return null;
        int[] order = _shuffle ? new SplitMix64(_seed, epoch).Permutation(_rows.Count) : [.. Enumerable.Range(0, _rows.Count)];
        return _groupByLength ? LengthGroups.Sort(order, _rows.Tokens, batchSize) : order;
    }

    private sealed record EpochOrder(int Epoch, int[] Rows);
}
