using Horizon.Flow.Text.Batches;
using Horizon.Flow.Text.Data;
using Horizon.Flow.Text.Tokens;

namespace Horizon.Flow.Text.Preferences;

/// <summary>
/// Preferences as micro-batches in which sequences come in twos, laid one behind another without padding: a preferred answer and the other, or an example and
/// its prompt with the answer of another example. As with <see cref="BatchSource"/>, an epoch's order depends on seed and epoch alone, so that a run resumes
/// where it stopped. Safe to use from several threads.
/// </summary>
public sealed class PreferenceBatches : IBatchSource
{
    /// <summary>The column of rated answers: 1 for each example that is desirable, 0 for another.</summary>
    public const string DesirableColumn = "desirable";

    private readonly HeldDocuments _documents;
    private readonly bool[]? _desirable;
    private readonly int _batchSize;
    private readonly long? _seed;

    private PreferenceBatches(TokenDocument[] documents, bool[]? desirable, int batchSize, long? seed)
    {
        if (batchSize < 1) throw new HorizonException($"training.batch_size is {batchSize}: it must be 1 or more.");
        (_documents, _desirable, _batchSize, _seed) = (new HeldDocuments(documents), desirable, batchSize, seed);
        Summary = new DataSummary
        {
            Documents = documents.Length,
            Rows = documents.Length,
            LongestRow = documents.Max(document => document.InputIds.Length),
            Tokens = documents.Sum(document => (long)document.InputIds.Length),
            LabelledTokens = Enumerable.Range(0, documents.Length).Sum(number => (long)_documents.Labelled(number, 0, documents[number].InputIds.Length)),
            DroppedDocuments = 0,
            CutDocuments = 0,
            SplitDocuments = 0,
            OverlongDocuments = 0,
            Warnings = [],
        };
    }

    private PreferenceBatches(PreferenceBatches other)
    {
        (_documents, _desirable, _batchSize, _seed) = (other._documents, other._desirable, other._batchSize, other._seed);
        Summary = other.Summary;
    }

    /// <summary>Of pairs: the preferred answer first.</summary>
    /// <param name="pairs">The pairs.</param>
    /// <param name="batchSize">Pairs of a micro-batch, twice as many sequences.</param>
    /// <param name="seed">Of the order; null for the order given, in every epoch.</param>
    /// <exception cref="HorizonException">There is no pair.</exception>
    public static PreferenceBatches Of(IReadOnlyList<PreferencePair> pairs, int batchSize, long? seed = null)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        if (pairs.Count == 0) throw new HorizonException("there is no pair to train on.");
        return new PreferenceBatches([.. pairs.SelectMany(pair => (TokenDocument[])[pair.Chosen, pair.Rejected])], null, batchSize, seed);
    }

    /// <summary>Of rated answers: each before its prompt with the answer of the example after it, which stays the same in all epochs.</summary>
    /// <param name="answers">The answers.</param>
    /// <param name="batchSize">Examples of a micro-batch, twice as many sequences.</param>
    /// <param name="longest">Tokens of a sequence at most; a mismatched answer is cut at its end.</param>
    /// <param name="seed">Of the order; null for the order given, in every epoch.</param>
    /// <exception cref="HorizonException">There are fewer than two examples, or a prompt has no room for an answer.</exception>
    public static PreferenceBatches Of(IReadOnlyList<RatedAnswer> answers, int batchSize, int longest, long? seed = null)
    {
        ArgumentNullException.ThrowIfNull(answers);
        if (answers.Count < 2) throw new HorizonException("rated answers need two examples or more, since each is paired with the answer of another.");
        return new PreferenceBatches(
            [.. answers.SelectMany((answer, i) => (TokenDocument[])[answer.Document, Mismatched(answer.Document, answers[(i + 1) % answers.Count].Document, longest)])],
            [.. answers.Select(answer => answer.IsDesirable)], batchSize, seed);
    }

    /// <summary>What an epoch holds: two documents for each pair or example, a row each.</summary>
    public DataSummary Summary { get; private init; }

    /// <summary>All sequences, by twos.</summary>
    public IReadOnlyList<TokenDocument> Documents => _documents;

    /// <inheritdoc/>
    public IEnumerable<int> DocumentLengths => Enumerable.Range(0, _documents.Count).Select(_documents.Length);

    /// <inheritdoc/>
    public long HostBytes => _documents.HostBytes + (_seed is null ? 0 : sizeof(int) * (long)Count);

    /// <inheritdoc/>
    /// <value>Null by default.</value>
    public IBatchSource? HeldOut { get; private init; }

    /// <inheritdoc/>
    public string Fingerprint => TokenFingerprint.Of(_documents);

    /// <summary>The same micro-batches, with what their reader knows of them.</summary>
    /// <param name="summary">What was left out, say.</param>
    /// <param name="heldOut">What is held out; null for nothing.</param>
    public PreferenceBatches With(DataSummary summary, IBatchSource? heldOut)
    {
        ArgumentNullException.ThrowIfNull(summary);
        return new PreferenceBatches(this) { Summary = summary, HeldOut = heldOut };
    }

    /// <summary>Pairs or examples.</summary>
    public int Count => _documents.Count / 2;

    /// <summary>Micro-batches of an epoch; the last one may have fewer sequences.</summary>
    public int MicroBatchesPerEpoch => (Count + _batchSize - 1) / _batchSize;

    /// <summary>A micro-batch; the same for the same arguments.</summary>
    /// <param name="epoch">From 0.</param>
    /// <param name="index">From 0 to below <see cref="MicroBatchesPerEpoch"/>.</param>
    public MicroBatch GetMicroBatch(int epoch, int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(epoch);
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, MicroBatchesPerEpoch);
        var first = index * _batchSize;
        var order = _seed is { } seed ? new SplitMix64(seed, epoch).Permutation(Count) : null;
        int[] twos = [.. Enumerable.Range(first, Math.Min(_batchSize, Count - first)).Select(i => order?[i] ?? i)];
        var batch = BatchBuilder.Build([.. twos.SelectMany(two => (ArraySegment<Segment>[])[Whole(2 * two), Whole((2 * two) + 1)])], _documents);
        return _desirable is null ? batch : batch.WithColumn(DesirableColumn, [.. twos.Select(two => _desirable[two] ? 1f : 0f)]);
    }

    int IBatchSource.MicroBatchesPerEpoch(int epoch) => MicroBatchesPerEpoch;

    /// <inheritdoc/>
    /// <remarks>A bound: the longest twos together.</remarks>
    public long MostTokens(int epochs, int? batchSize = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(epochs, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(batchSize ?? _batchSize, 1, nameof(batchSize));
        return Enumerable.Range(0, Count).Select(two => (long)_documents.Length(2 * two) + _documents.Length((2 * two) + 1)).OrderDescending().Take(batchSize ?? _batchSize).Sum();
    }

    private ArraySegment<Segment> Whole(int document) => new Segment[] { new(document, 0, _documents.Length(document), _documents.Length(document)) };

    private static TokenDocument Mismatched(TokenDocument asked, TokenDocument other, int longest)
    {
        var (prompt, answer) = (AnswerOf(asked), AnswerOf(other));
        if (prompt >= longest) throw new HorizonException($"a prompt has {prompt} tokens, which leaves no room for an answer in {longest}; raise data.sequence_length, or leave it out.");
        var room = Math.Min(longest - prompt, other.InputIds.Length - answer);
        return new TokenDocument(
            [.. asked.InputIds[..prompt], .. other.InputIds[answer..(answer + room)]],
            [.. Enumerable.Repeat(TokenDocument.Ignored, prompt), .. other.Labels[answer..(answer + room)]]);
    }

    // Where the answer begins; never with the first token, which is predicted from nothing.
    private static int AnswerOf(TokenDocument document) =>
        Math.Max(1, Array.FindIndex(document.Labels, label => label != TokenDocument.Ignored));
}
