using System.Globalization;
using Horizon.Flow.Alignment;
using Horizon.Flow.Resources;
using Horizon.Flow.Distributed;
using Horizon.Flow.Runs.Blueprint;
using Horizon.Flow.Runs.Planning;
using Horizon.Flow.Text.Batches;
using Horizon.Flow.Text.Tokenizers;
using Horizon.Flow.Text.Tokens;

namespace Horizon.Flow.Runs.Data;

/// <summary>What a run reads beside the weights.</summary>
internal sealed record RunInputs(ITokenizer? Tokenizer, TrainingData Data, HeldOutData? HeldOut)
{
    /// <summary>What the data take of host memory as long as the run lasts: where they lie in a file, their places in it and the rows.</summary>
    public MemoryItem DescribeMemory() => new(
        MemoryPlace.Host, "data", Data.HostBytes + (HeldOut?.HostBytes ?? 0),
        string.Create(CultureInfo.InvariantCulture, $"{Data.Documents + (HeldOut?.Documents ?? 0):N0} documents: their places and rows, and the tokens where these are few"));

    /// <summary>A step of the training data on average.</summary>
    public TypicalStep Typical => new((double)Data.Length.TokensPerEpoch / Data.Length.StepsPerEpoch, (double)Data.Length.TokensPerEpoch / Math.Max(1, Data.Documents), WholeRows);

    /// <summary>Whether every row that is trained on is one document that fills it.</summary>
    private bool WholeRows { get; init; }

    /// <summary>Tokens of the largest micro-batch of so many rows, trained on or held out.</summary>
    public long MostTokens(int batchSize) => Math.Max(Data.MostTokens(batchSize), HeldOut?.MostTokens(batchSize) ?? 0);

    /// <summary>Reads it.</summary>
    /// <exception cref="HorizonException">Something is missing, empty or malformed.</exception>
    public static RunInputs Open(RunBlueprint blueprint, IProgress<DataProgress>? progress = null)
    {
        var tokenizer = DataReader.OpenTokenizer(blueprint.Configuration);
        var source = DataReader.OpenTraining(blueprint, tokenizer, progress);
        var heldOut = blueprint.Configuration.Evaluation.Path is { } path ? DataReader.OpenHeldOut(blueprint, tokenizer, path, progress) : source.HeldOut;
        var rows = source.Summary;
        return new RunInputs(tokenizer, new TrainingData(source, blueprint.Configuration.Training, RankShare.For(blueprint.Ranks)), heldOut is null ? null : new HeldOutData(heldOut, blueprint.Ranks))
        {
            WholeRows = blueprint.Objective is null && !blueprint.Configuration.Data.Packing && rows.LongestRow == blueprint.SequenceLength && rows.Tokens == (long)rows.Rows * rows.LongestRow,
        };
    }

    /// <summary>The same, with what the reference says of all labels; the store holds the untouched weights until it is known.</summary>
    /// <param name="open">What was kept, or is computed, for a data set.</param>
    public async Task<RunInputs> WithReferenceAsync(Func<IBatchSource, Task<ReferenceLogProbabilities>> open)
    {
        var data = Data.Of(new PreparedBatches(Data.Source, (await open(Data.Source).ConfigureAwait(false)).Attach));
        return this with { Data = data, HeldOut = HeldOut is null ? null : HeldOut.Of(new PreparedBatches(HeldOut.Source, (await open(HeldOut.Source).ConfigureAwait(false)).Attach)) };
    }
}
