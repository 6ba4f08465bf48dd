using Horizon.Flow.Runs.Generation;

namespace Horizon.Flow.Serving;

/// <summary>What is asked for, read and checked.</summary>
internal sealed record CompletionRequest
{
    /// <summary>Whether it came to <c>/v1/chat/completions</c>.</summary>
    public required bool IsChat { get; init; }

    /// <summary>Token ids of each prompt.</summary>
    public required IReadOnlyList<IReadOnlyList<int>> Prompts { get; init; }

    /// <summary>Texts for each prompt.</summary>
    public int Count { get; init; } = 1;

    /// <summary>How; the seed is that of the first text.</summary>
    public required GenerationOptions Options { get; init; }

    /// <summary>Tokens at most that the client asked for; null for as many as the model allows.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>Whether pieces are sent as they are made.</summary>
    public bool IsStreamed { get; init; }

    /// <summary>Whether a stream ends with the counts of tokens.</summary>
    public bool IncludesUsage { get; init; }

    /// <summary>Whether each text comes with its tokens, the one that ends it too.</summary>
    public bool GivesIds { get; init; }

    /// <summary>The options of a text.</summary>
    /// <param name="prompt">The prompt's number.</param>
    /// <param name="choice">The text's number among those of its prompt.</param>
    /// <param name="longest">Tokens that the model allows in all.</param>
    public GenerationOptions OptionsOf(int prompt, int choice, int longest) => Options with
    {
        Seed = unchecked(Options.Seed + (prompt * Count) + choice),
        MaxTokens = Math.Min(MaxTokens ?? int.MaxValue, longest - Prompts[prompt].Count),
    };
}
