using Horizon.Flow.Runs.Generation;
using Horizon.Flow.Text.Templates;

namespace Horizon.Flow.Serving;

/// <summary>A <see cref="TextGenerator"/> as the server asks for it.</summary>
/// <param name="generator">Belongs to the caller.</param>
public sealed class TextEngine(TextGenerator generator) : IGenerationEngine
{
    /// <inheritdoc/>
    public int LongestText => generator.LongestText;

    /// <inheritdoc/>
    public IReadOnlyList<int> Encode(string prompt) => generator.Encode(prompt);

    /// <inheritdoc/>
    public IReadOnlyList<int> Encode(Conversation conversation) => generator.Encode(conversation);

    /// <inheritdoc/>
    public string Decode(int id) => generator.Decode(id);

    /// <inheritdoc/>
    public IAsyncEnumerable<GeneratedPiece> GenerateAsync(IReadOnlyList<int> prompt, GenerationOptions options, CancellationToken cancellation) =>
        generator.GenerateAsync(prompt, options, cancellation);

    /// <inheritdoc/>
    public Task ReloadAsync(string folder, CancellationToken cancellation) => generator.ReloadAsync(ModelSource.Open(folder), cancellation);
}
