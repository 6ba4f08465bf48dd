using Horizon.Flow.Text;

namespace Horizon.Flow.Configuration;

/// <summary>What a run reads beside the weights.</summary>
internal sealed record RunInputs(ITokenizer? Tokenizer, TrainingData Data, HeldOutData? HeldOut)
{
    /// <summary>Reads it.</summary>
    /// <exception cref="HorizonException">Something is missing, empty or malformed.</exception>
    public static RunInputs Open(RunBlueprint blueprint)
    {
        var tokenizer = DataReader.OpenTokenizer(blueprint.Configuration);
        return new RunInputs(tokenizer, TrainingData.Open(blueprint, tokenizer), HeldOutData.Open(blueprint, tokenizer));
    }
}
