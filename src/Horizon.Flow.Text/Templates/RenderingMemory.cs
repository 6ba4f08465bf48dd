using System.Collections.Concurrent;

namespace Horizon.Flow.Text.Templates;

/// <summary>
/// Remembers how a template renders conversations of some plain turns: it looks little at what they say, so that most of them are rendered as an earlier one with the same roles was. Safe to
/// use from several threads.
/// </summary>
internal sealed class RenderingMemory
{
    private const int MostTurns = 16;
    private const int MostCharacters = 1 << 20;
    private const int MostSequences = 4096;
    private const long MostRemembered = 1 << 24;

    private readonly ConcurrentDictionary<(bool AddGenerationPrompt, string? EndToken), RememberedTurns> _beginnings = new();
    private int _sequences;
    private long _remembered;

    /// <summary>Whether nothing more is remembered.</summary>
    public bool IsFull => Interlocked.Read(ref _remembered) >= MostRemembered;

    /// <summary>What is remembered of conversations with the same roles; null for what is not remembered.</summary>
    public RememberedTurns? Find(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt, string? endToken)
    {
        if (messages.Count > MostTurns || FindOrAdd(_beginnings, (addGenerationPrompt, endToken)) is not { } turns) return null;
        long characters = 0;
        for (var i = 0; i < messages.Count; i++)
        {
            var fields = messages[i].Fields;
            if (fields.Count != 2 || fields.GetAt(0) is not { Key: "role", Value: string role } || fields.GetAt(1) is not { Key: "content", Value: string content }) return null;
            if ((characters += content.Length) > MostCharacters || FindOrAdd(turns.Next, role) is not { } next) return null;
            turns = next;
        }

        return turns;
    }

    /// <summary>A rendering is remembered from now on.</summary>
    public void Count(RememberedRendering rendering) => Interlocked.Add(ref _remembered, rendering.Characters);

    private RememberedTurns? FindOrAdd<T>(ConcurrentDictionary<T, RememberedTurns> sequences, T key)
        where T : notnull
    {
        if (sequences.TryGetValue(key, out var known)) return known;
        if (Volatile.Read(ref _sequences) >= MostSequences) return null;
        Interlocked.Increment(ref _sequences);
        return sequences.GetOrAdd(key, _ => new RememberedTurns(this));
    }
}
