using Horizon.Flow.Runs.Generation;

namespace Horizon.Flow.Cli;

/// <summary>Continues texts and conversations; what <c>horizon generate</c> and <c>horizon chat</c> need of the library.</summary>
public interface IGenerator
{
    /// <summary>The continuations, piece by piece as they are sampled, each with the number of its prompt.</summary>
    /// <param name="request">What to continue, and how.</param>
    /// <param name="notice">Takes a sentence for the user.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <exception cref="HorizonException">The folder holds no model that can be loaded.</exception>
    IAsyncEnumerable<(int Prompt, GeneratedPiece Piece)> GenerateAsync(GenerateRequest request, Action<string> notice, CancellationToken cancellation);

    /// <summary>Answers turn by turn: each of what the user says, given by <paramref name="turns"/> when it is asked for.</summary>
    /// <param name="model">The model.</param>
    /// <param name="system">What the system says first; null for nothing.</param>
    /// <param name="options">How.</param>
    /// <param name="turns">The user's turns.</param>
    /// <param name="notice">Takes a sentence for the user.</param>
    /// <param name="cancellation">Ends the answer in hand.</param>
    /// <returns>For each turn the pieces of its answer, then null.</returns>
    /// <exception cref="HorizonException">The folder holds no model that can be loaded, or no chat template.</exception>
    IAsyncEnumerable<GeneratedPiece?> ChatAsync(
        ModelFolders model, string? system, GenerationOptions options, IEnumerable<string> turns, Action<string> notice, CancellationToken cancellation);
}
