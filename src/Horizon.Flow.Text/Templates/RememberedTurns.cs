using System.Collections.Concurrent;

namespace Horizon.Flow.Text.Templates;

/// <summary>What is remembered of conversations whose turns have the same roles.</summary>
internal sealed class RememberedTurns(RenderingMemory memory)
{
    private const int MostRenderings = 64;

    private volatile RenderingStep? _first;
    private int _watches;

    /// <summary>Those with one turn more, by its role.</summary>
    public ConcurrentDictionary<string, RememberedTurns> Next { get; } = new(StringComparer.Ordinal);

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
    public bool MayWatch() => !memory.IsFull && Volatile.Read(ref _watches) < MostRenderings && Interlocked.Increment(ref _watches) <= MostRenderings;

    /// <summary>Remembers one.</summary>
    public void Add(RenderingWatch watch, RememberedRendering rendering)
    {
        memory.Count(rendering);
        lock (Next)
        {
            if (_first is { } first) first.Add(watch, rendering);
            else _first = new RenderingStep(watch, rendering);
        }
    }
}
