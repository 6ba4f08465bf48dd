using System.Threading.Tasks.Dataflow;

namespace Horizon.Flow.Graph;

/// <summary>A link for messages of one type.</summary>
/// <typeparam name="TMessage">Type of the messages.</typeparam>
/// <param name="From">Name of the giving stage.</param>
/// <param name="To">Name of the taking stage.</param>
/// <param name="Route">Which messages take this edge, in words; null for all.</param>
/// <param name="Takes">The same as a predicate; null exactly when <paramref name="Route"/> is.</param>
public sealed record PlanEdge<TMessage>(string From, string To, string? Route = null, Predicate<TMessage>? Takes = null)
    : PlanEdge(From, To, Route)
    where TMessage : class
{
    /// <inheritdoc/>
    public override Type Message => typeof(TMessage);

    /// <inheritdoc/>
    public override string ToString() => base.ToString();

    internal override void Link(IDataflowBlock source, IDataflowBlock target, IReadOnlyList<PlanEdge> earlier) =>
        Links.Connect(Source(source), (ITargetBlock<TMessage>)target, Unclaimed(earlier, Takes));

    internal override void Drain(IDataflowBlock source) => Links.Drain(Source(source));

    internal override void LinkDeadEnd(IDataflowBlock source, IReadOnlyList<PlanEdge> edges, Action<StageException> onFault) =>
        Links.DeadEnd(Source(source), From, Unclaimed(edges, null)!, onFault);

    private static ISourceBlock<TMessage> Source(IDataflowBlock block) => block is IHub hub ? hub.Port<TMessage>() : (ISourceBlock<TMessage>)block;

    // A full target postpones, and Dataflow then offers the message to the next link: so each link must refuse what belongs to another.
    private static Predicate<TMessage>? Unclaimed(IReadOnlyList<PlanEdge> earlier, Predicate<TMessage>? takes)
    {
        var others = earlier.OfType<PlanEdge<TMessage>>().Select(edge => edge.Takes!).ToArray();
        return others.Length == 0 ? takes : message => (takes is null || takes(message)) && !Array.Exists(others, other => other(message));
    }
}
