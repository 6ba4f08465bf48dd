using Horizon.Flow.Runs.Blueprint;
using Horizon.Flow.Runs.Objectives;
using Horizon.Flow.Runs.Sections;
using Horizon.Flow.Text.Batches;
using Horizon.Flow.Text.Data;
using Horizon.Flow.Text.Tokenizers;
using Horizon.Flow.Text.Tokens;

namespace Horizon.Flow.Runs.Data;

/// <summary>What a configuration would train on.</summary>
/// <param name="Summary">What an epoch holds, and what was left out.</param>
/// <param name="Lengths">Tokens of each document, ascending.</param>
/// <param name="SequenceLength">Tokens of a row at most.</param>
/// <param name="Places">Places of all rows, were each as long as a row may be; 0 where they lie one behind another, as answers that are compared do.</param>
/// <param name="Examples">The first documents as stretches of text.</param>
public sealed record DataReport(DataSummary Summary, IReadOnlyList<int> Lengths, int SequenceLength, long Places, IReadOnlyList<IReadOnlyList<DataStretch>> Examples)
{
    /// <summary>The share of the places that hold tokens.</summary>
    public double Efficiency => Places == 0 ? 0 : (double)Summary.Tokens / Places;

    /// <summary>Reads the training data.</summary>
    /// <param name="configuration">Names a model and data.</param>
    /// <param name="examples">How many documents are shown.</param>
    /// <param name="progress">Is told how far the reading is.</param>
    /// <exception cref="HorizonException">The data cannot be trained on.</exception>
    public static DataReport Of(RunConfiguration configuration, int examples, IProgress<DataProgress>? progress = null)
    {
        var blueprint = RunBlueprint.Of(configuration);
        var tokenizer = DataReader.OpenTokenizer(configuration);
        var source = DataReader.OpenTraining(blueprint, tokenizer, progress);
        var length = configuration.Data.SequenceLength ?? blueprint.SequenceLength;
        return new DataReport(
            source.Summary,
            [.. source.DocumentLengths.Order()],
            length,
            blueprint.Kind.Data == ObjectiveData.Text ? (long)source.Summary.Rows * length : 0,
            [.. source.Documents.Take(examples).Select(document => Stretches(document, tokenizer))]);
    }

    private static IReadOnlyList<DataStretch> Stretches(TokenDocument document, ITokenizer? tokenizer)
    {
        var stretches = new List<DataStretch>();
        for (var (start, end) = (0, 0); start < document.InputIds.Length; start = end)
        {
            var isTrained = IsTrained(start);
            while (end < document.InputIds.Length && IsTrained(end) == isTrained) end++;
            var ids = document.InputIds[start..end];
            stretches.Add(new DataStretch(tokenizer?.Decode(ids, skipSpecialTokens: false) ?? $"{string.Join(' ', ids)} ", isTrained));
        }

        return stretches;

        // The first token has none before it that it could be predicted from.
        bool IsTrained(int i) => i > 0 && document.Labels[i] != TokenDocument.Ignored;
    }
}
