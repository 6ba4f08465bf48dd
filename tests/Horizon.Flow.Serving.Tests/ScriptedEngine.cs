using System.Runtime.CompilerServices;
using Horizon.Flow.Runs.Generation;
using Horizon.Flow.Text.Templates;

namespace Horizon.Flow.Serving.Tests;

/// <summary>Gives a piece, and then waits for a word from the test, or for its client to go.</summary>
internal sealed class ScriptedEngine : IGenerationEngine
{
    private readonly SemaphoreSlim _go = new(0);
    private int _running;

    public int LongestText => 100;

    public List<string> Began { get; } = [];

    public int MostAtOnce { get; private set; }

    /// <summary>Ends when a text began.</summary>
    public SemaphoreSlim Begun { get; } = new(0);

    /// <summary>Ends when a text was cancelled.</summary>
    public TaskCompletionSource Cancelled { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Exception? Failure { get; init; }

    /// <summary>Lets a text end.</summary>
    public void Go() => _go.Release();

    public IReadOnlyList<int> Encode(string prompt) => [.. prompt.Select(letter => (int)letter)];

    public IReadOnlyList<int> Encode(Conversation conversation) => Encode(string.Concat(conversation.Messages.Select(message => message.Content)));

    public string Decode(int id) => $"{(char)id}";

    public async IAsyncEnumerable<GeneratedPiece> GenerateAsync(IReadOnlyList<int> prompt, GenerationOptions options, [EnumeratorCancellation] CancellationToken cancellation)
    {
        Began.Add(string.Concat(prompt.Select(Decode)));
        MostAtOnce = Math.Max(MostAtOnce, Interlocked.Increment(ref _running));
        try
        {
            yield return new GeneratedPiece("a", 1);
            Begun.Release();
            if (Failure is not null) throw Failure;
            try
            {
                await _go.WaitAsync(cancellation);
            }
            catch (OperationCanceledException)
            {
                Cancelled.TrySetResult();
                throw;
            }

            yield return new GeneratedPiece("b", 1) { Finish = FinishReason.Stop };
        }
        finally
        {
            Interlocked.Decrement(ref _running);
        }
    }

    public Task ReloadAsync(string folder, CancellationToken cancellation) => throw new HorizonException("no");
}
