using System.Globalization;
using Horizon.Flow.Resources;
using Horizon.Flow.Runs.Blueprint;
using Horizon.Flow.Text.Tokenizers;

namespace Horizon.Flow.Runs.Data;

/// <summary>What a run reads beside the weights.</summary>
internal sealed record RunInputs(ITokenizer? Tokenizer, TrainingData Data, HeldOutData? HeldOut)
{
    /// <summary>What the data take of host memory as long as the run lasts.</summary>
    public MemoryItem DescribeMemory()
    {
        var (tokens, bytes) = (Data.Held.Tokens + (HeldOut?.Held.Tokens ?? 0), Data.Held.Bytes + (HeldOut?.Held.Bytes ?? 0));
        return new MemoryItem(MemoryPlace.Host, "data", bytes, string.Create(CultureInfo.InvariantCulture, $"{tokens:N0} tokens, all held in memory"));
    }

    /// <summary>Tokens of the largest micro-batch of so many rows, trained on or held out.</summary>
    public long MostTokens(int batchSize) => Math.Max(Data.MostTokens(batchSize), HeldOut?.MostTokens(batchSize) ?? 0);

    /// <summary>Reads it.</summary>
    /// <exception cref="HorizonException">Something is missing, empty or malformed.</exception>
    public static RunInputs Open(RunBlueprint blueprint)
    {
        var tokenizer = DataReader.OpenTokenizer(blueprint.Configuration);
        var source = DataReader.OpenTraining(blueprint, tokenizer);
        var heldOut = blueprint.Configuration.Evaluation.Path is { } path ? DataReader.OpenHeldOut(blueprint, tokenizer, path) : source.HeldOut;
        return new RunInputs(tokenizer, new TrainingData(source, blueprint.Configuration.Training), heldOut is null ? null : new HeldOutData(heldOut));
    }
}
