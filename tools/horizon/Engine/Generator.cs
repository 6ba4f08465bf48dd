using System.Runtime.CompilerServices;
using System.Text;
using Horizon.Flow.Devices;
using Horizon.Flow.Runs.Generation;
using Horizon.Flow.Text.Templates;

namespace Horizon.Flow.Cli;

/// <summary>Samples with the library, on the first GPU where there is one.</summary>
public sealed class Generator : IGenerator
{
    /// <inheritdoc/>
    public async IAsyncEnumerable<(int Prompt, GeneratedPiece Piece)> GenerateAsync(
        GenerateRequest request, Action<string> notice, [EnumeratorCancellation] CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(request);
        using var device = ComputeDevice.Parse("auto", notice);
        await using var generator = await TextGenerator.LoadAsync(ModelSource.Open(request.Model.Folder, request.Model.Adapter), device, notice, cancellation).ConfigureAwait(false);
        for (var i = 0; i < request.Prompts.Count; i++)
            await foreach (var piece in generator.GenerateAsync(request.Prompts[i], request.Options, cancellation).ConfigureAwait(false)) yield return (i, piece);
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<GeneratedPiece?> ChatAsync(
        ModelFolders model, string? system, GenerationOptions options, IEnumerable<string> turns, Action<string> notice, [EnumeratorCancellation] CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(turns);
        using var device = ComputeDevice.Parse("auto", notice);
        await using var generator = await TextGenerator.LoadAsync(ModelSource.Open(model.Folder, model.Adapter), device, notice, cancellation).ConfigureAwait(false);
        List<ChatMessage> messages = system is null ? [] : [new ChatMessage("system", system)];
        foreach (var turn in turns)
        {
            messages.Add(new ChatMessage("user", turn));
            var answer = new StringBuilder();
            await foreach (var piece in generator.AnswerAsync(new Conversation(messages), options, cancellation).ConfigureAwait(false))
            {
                answer.Append(piece.Text);
                yield return piece;
            }

            messages.Add(new ChatMessage("assistant", answer.ToString()));
            yield return null;
        }
    }
}
