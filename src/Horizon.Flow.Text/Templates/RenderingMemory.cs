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
    private const int MostRenderings = 64;
    private const int MostShapes = 4096;
    private const long MostRemembered = 1 << 24;

    private readonly ConcurrentDictionary<(bool AddGenerationPrompt, string? EndToken), Shape> _shapes = new();
    private int _count;
    private long _remembered;

    /// <summary>What is remembered of conversations with the same roles; null for what is not remembered.</summary>
    public Shape? Find(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt, string? endToken)
    {
        if (messages.Count > MostTurns || !_shapes.TryGetValue((addGenerationPrompt, endToken), out var shape) && !TryAdd(_shapes, (addGenerationPrompt, endToken), out shape)) return null;
        long characters = 0;
        for (var i = 0; i < messages.Count; i++)
        {
            var fields = messages[i].Fields;
            if (fields.Count != 2 || fields.GetAt(0) is not { Key: "role", Value: string role } || fields.GetAt(1) is not { Key: "content", Value: string content }) return null;
            if ((characters += content.Length) > MostCharacters) return null;
            if (!shape!.Next.TryGetValue(role, out var next) && !TryAdd(shape.Next, role, out next)) return null;
            shape = next;
        }

        return shape;
    }

    private bool TryAdd<T>(ConcurrentDictionary<T, Shape> shapes, T key, out Shape? shape)
        where T : notnull
    {
        shape = null;
        if (Volatile.Read(ref _count) >= MostShapes) return false;
        Interlocked.Increment(ref _count);
        shape = shapes.GetOrAdd(key, _ => new Shape(this));
        return true;
    }

    /// <summary>Conversations with the same roles.</summary>
    internal sealed class Shape(RenderingMemory memory)
    {
        private volatile RenderingStep? _first;
        private int _watches;

        /// <summary>Those with one turn more.</summary>
        public ConcurrentDictionary<string, Shape> Next { get; } = new(StringComparer.Ordinal);

        /// <summary>The text of a conversation; null where nothing that is remembered answers as it does, or it would spend too much.</summary>
        public string? TryRender(IReadOnlyList<ChatMessage> messages, TemplateBudget budget)
        {
            if (_first is not { } first) return null;
            try
            {
                budget.Begin();
                return first.Find(messages, budget)?.Render(messages, budget);
            }
            catch (HorizonException)
            {
                // As any rendering it may fail: that one says where.
                return null;
            }
        }

        /// <summary>Whether one more rendering may be watched.</summary>
        public bool MayWatch() => Interlocked.Read(ref memory._remembered) < MostRemembered && Volatile.Read(ref _watches) < MostRenderings && Interlocked.Increment(ref _watches) <= MostRenderings;

        /// <summary>Remembers one.</summary>
        public void Add(RenderingWatch watch, RememberedRendering rendering)
        {
            Interlocked.Add(ref memory._remembered, rendering.Characters);
            lock (Next)
            {
                if (_first is { } first) first.Add(watch, rendering);
                else _first = new RenderingStep(watch, rendering);
            }
        }
    }
}
