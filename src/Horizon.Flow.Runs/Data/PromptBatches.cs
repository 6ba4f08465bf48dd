using System.IO.Hashing;
using System.Runtime.InteropServices;
using System.Text;
using Horizon.Flow.Runs.Sections;
using Horizon.Flow.Text.Batches;
using Horizon.Flow.Text.Data;
using Horizon.Flow.Text.Preferences;

namespace Horizon.Flow.Runs.Data;

/// <summary>
/// Prompts cut into steps. Their micro-batches come to be when answers are drawn, so that none can be asked for; numbers of tokens are those of answers as long as they may be.
/// </summary>
internal sealed class PromptBatches : IBatchSource
{
    private readonly RolloutsSection _rollouts;
    private readonly int _batchSize;
    private readonly long? _seed;
    private readonly Lazy<string> _fingerprint;
    private (int Epoch, int[] Order)? _order;

    /// <param name="set">The prompts.</param>
    /// <param name="rollouts">How many answers a step has.</param>
    /// <param name="batchSize">Answers of a micro-batch.</param>
    /// <param name="seed">Of the order; null for the order given, in every epoch.</param>
    public PromptBatches(PreferenceSet<PromptRecord> set, RolloutsSection rollouts, int batchSize, long? seed)
    {
        (Prompts, _rollouts, _batchSize, _seed) = (set.Examples, rollouts, batchSize, seed);
        _fingerprint = new(Hash);
        var labelled = (long)Prompts.Count * rollouts.Group * rollouts.MaxTokens;
        Summary = new DataSummary
        {
            Documents = Prompts.Count,
            Rows = Prompts.Count,
            LongestRow = LongestPrompt + rollouts.MaxTokens,
            Tokens = (DocumentLengths.Sum(length => (long)length) * rollouts.Group) + labelled,
            LabelledTokens = labelled,
            DroppedDocuments = 0,
            CutDocuments = 0,
            SplitDocuments = 0,
            OverlongDocuments = set.TooLong,
            BadRecords = set.BadRecords,
            Warnings = set.Notices,
        };
    }

    /// <summary>All prompts, in the order of the files.</summary>
    public IReadOnlyList<PromptRecord> Prompts { get; }

    /// <inheritdoc/>
    public DataSummary Summary { get; }

    /// <inheritdoc/>
    public IReadOnlyList<TokenDocument> Documents =>
        [.. Prompts.Select(prompt => new TokenDocument([.. prompt.Ids], [.. Enumerable.Repeat(TokenDocument.Ignored, prompt.Ids.Count)]))];

    /// <inheritdoc/>
    public IEnumerable<int> DocumentLengths => Prompts.Select(prompt => prompt.Ids.Count);

    /// <inheritdoc/>
    public long HostBytes => Prompts.Sum(prompt => (sizeof(int) * (long)prompt.Ids.Count) + (2 * sizeof(char) * (long)prompt.Text.Length));

    /// <inheritdoc/>
    public IBatchSource? HeldOut { get; init; }

    /// <inheritdoc/>
    public string Fingerprint => _fingerprint.Value;

    private int LongestPrompt => Prompts.Max(prompt => prompt.Ids.Count);

    private int StepsPerEpoch => (Prompts.Count + _rollouts.Prompts - 1) / _rollouts.Prompts;

    /// <inheritdoc/>
    public int MicroBatchesPerEpoch(int epoch) => StepsPerEpoch * (((_rollouts.Prompts * _rollouts.Group) + _batchSize - 1) / _batchSize);

    /// <summary>Never: answers are not there yet.</summary>
    public MicroBatch GetMicroBatch(int epoch, int index) => throw new NotSupportedException("micro-batches of prompts are made of answers that are drawn");

    /// <inheritdoc/>
    public long MostTokens(int epochs, int? batchSize = null) => (long)(LongestPrompt + _rollouts.MaxTokens) * (batchSize ?? _batchSize);

    /// <summary>The prompts of a step; the last one of an epoch has what is left over.</summary>
    /// <param name="step">From 1.</param>
    public IReadOnlyList<PromptRecord> OfStep(long step)
    {
        var (epoch, place) = ((int)((step - 1) / StepsPerEpoch), (int)((step - 1) % StepsPerEpoch));
        return [.. Order(epoch).Skip(place * _rollouts.Prompts).Take(_rollouts.Prompts).Select(number => Prompts[number])];
    }

    private int[] Order(int epoch)
    {
        if (_order is { } known && known.Epoch == epoch) return known.Order;
        int[] order = [.. Enumerable.Range(0, Prompts.Count)];
        // Each prompt draws a number from seed, epoch and its place.
        if (_seed is { } seed) Array.Sort(Array.ConvertAll(order, number => (XxHash3.HashToUInt64(MemoryMarshal.AsBytes([seed, epoch, number])), number)), order);
        _order = (epoch, order);
        return order;
    }

    // Rewards may come from any column.
    private string Hash()
    {
        var hash = new XxHash3();
        foreach (var prompt in Prompts)
        {
            hash.Append(MemoryMarshal.AsBytes<int>([.. prompt.Ids]));
            hash.Append(Encoding.UTF8.GetBytes(prompt.Record.GetRawText()));
        }

        return hash.GetCurrentHashAsUInt64().ToString("x16", System.Globalization.CultureInfo.InvariantCulture);
    }
}
