using Horizon.Flow.Graph;

namespace Horizon.Flow.Testing;

/// <summary>What <see cref="StageContract"/> must know of a block beside its messages.</summary>
/// <typeparam name="TIn">What the block takes.</typeparam>
public sealed record StageContractOptions<TIn>
{
    /// <summary>The pools that messages and block rent from; every lease must be back when the block has ended and its messages were given back.</summary>
    public IReadOnlyList<ILeasePool> Pools { get; init; } = [];

    /// <summary>How many messages come out for so many that went in.</summary>
    /// <value>As many.</value>
    public Func<int, int> Outputs { get; init; } = messages => messages;

    /// <summary>A message that the block's body must fail at; null to leave that out.</summary>
    public Func<TIn>? Failing { get; init; }

    /// <summary>Where bodies run: the lane of a device for a stage that computes; null for the thread pool.</summary>
    public TaskScheduler? Scheduler { get; init; }

    /// <summary>Gives back what a message holds, for messages of types of your own; those of the library are known.</summary>
    public Action<object>? GiveBack { get; init; }

    /// <summary>How long anything may take.</summary>
    /// <value>One minute.</value>
    public TimeSpan Bound { get; init; } = TimeSpan.FromMinutes(1);
}
