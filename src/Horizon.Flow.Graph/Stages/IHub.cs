using System.Threading.Tasks.Dataflow;

namespace Horizon.Flow.Graph;

/// <summary>
/// A block that gives messages of several types, each through a port of its own: none waits behind one of another type. It may also take what
/// its own targets give back, over edges that are feedback.
/// </summary>
public interface IHub : IDataflowBlock
{
    /// <summary>Where messages of exactly that type come out. Asked for once for each edge, before anything runs.</summary>
    /// <typeparam name="TMessage">The type.</typeparam>
    ISourceBlock<TMessage> Port<TMessage>()
        where TMessage : class;

    /// <summary>What it waits for, in words: for the report of a graph that stands still.</summary>
    string State { get; }
}
