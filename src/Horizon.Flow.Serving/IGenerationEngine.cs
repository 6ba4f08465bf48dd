using Horizon.Flow.Runs.Generation;
using Horizon.Flow.Text.Templates;

namespace Horizon.Flow.Serving;

/// <summary>What the server needs of a model; it is asked for one text at a time.</summary>
public interface IGenerationEngine
{
    /// <summary>Tokens of the longest text, prompt included.</summary>
    int LongestText { get; }

    /// <summary>The token ids of a plain text.</summary>
    /// <param name="prompt">The text.</param>
    IReadOnlyList<int> Encode(string prompt);

    /// <summary>The token ids of a conversation up to where the assistant's next turn begins.</summary>
    /// <param name="conversation">The turns so far.</param>
    /// <exception cref="HorizonException">The model has no chat template, or it refuses the conversation.</exception>
    IReadOnlyList<int> Encode(Conversation conversation);

    /// <summary>The text of one token as it stands within a text.</summary>
    /// <param name="id">Its id.</param>
    string Decode(int id);

    /// <summary>The continuation, piece by piece; the last piece says why it ends.</summary>
    /// <param name="prompt">At least one token id.</param>
    /// <param name="options">How.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <exception cref="HorizonException">The prompt has an id that the model does not know, or is too long.</exception>
    IAsyncEnumerable<GeneratedPiece> GenerateAsync(IReadOnlyList<int> prompt, GenerationOptions options, CancellationToken cancellation);

    /// <summary>Other weights of the same model.</summary>
    /// <param name="folder">A Hugging Face folder, or one of PEFT's.</param>
    /// <param name="cancellation">Ends the loading.</param>
    /// <exception cref="HorizonException">It holds another model, or cannot be read.</exception>
    Task ReloadAsync(string folder, CancellationToken cancellation);
}
