using Horizon.Flow.Runs.Sections;
using Horizon.Flow.Text.Tokenizers;

namespace Horizon.Flow.Runs.Blueprint;

/// <summary>What a run changes of its model folder's tokenizer.</summary>
internal static class RunTokenizer
{
    /// <summary>The changes that are configured; templates are read.</summary>
    /// <exception cref="HorizonException">A template is missing.</exception>
    public static TokenizerChanges Changes(RunConfiguration configuration) => new()
    {
        AdditionalSpecialTokens = [.. configuration.Model.AdditionalSpecialTokens],
        ChatTemplate = configuration.Data.ChatTemplate is { } template ? TokenizerChanges.ReadTemplate(template) : null,
    };

    /// <summary>The folder's tokenizer with the changes.</summary>
    /// <exception cref="HorizonException">It cannot be read.</exception>
    public static HuggingFaceTokenizer Load(RunConfiguration configuration) => HuggingFaceTokenizer.Load(configuration.Model.Path!, Changes(configuration));
}
