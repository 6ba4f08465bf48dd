using System.Threading.Tasks.Dataflow;
using Horizon.Flow.Graph;

namespace Horizon.Flow.Testing;

/// <summary>
/// What a graph expects of any block, stock blocks included. The block is made anew for each point: it gives on every message, in order, and
/// then completes; it takes no more than its bound while nobody takes from it; it ends when it is cancelled and when it is faulted, with
/// messages inside; a body that throws faults it; and the leases of its messages go on or back.
/// </summary>
public static class StageContract
{
    /// <summary>Puts a block through it.</summary>
    /// <param name="create">Makes the block as a plan does.</param>
    /// <param name="messages">Each makes a message, anew for each point; two at least show the bound.</param>
    /// <exception cref="TestingException">The block breaks it.</exception>
    public static Task CheckAsync<TIn, TOut>(Func<StageOptions, IPropagatorBlock<TIn, TOut>> create, params IReadOnlyList<Func<TIn>> messages)
        where TIn : class
        where TOut : class => CheckAsync(create, new StageContractOptions<TIn>(), messages);

    /// <inheritdoc cref="CheckAsync{TIn, TOut}(Func{StageOptions, IPropagatorBlock{TIn, TOut}}, IReadOnlyList{Func{TIn}})"/>
    /// <param name="create">Makes the block as a plan does.</param>
    /// <param name="options">What else is to be known of it.</param>
    /// <param name="messages">Each makes a message, anew for each point; two at least show the bound.</param>
    public static async Task CheckAsync<TIn, TOut>(
        Func<StageOptions, IPropagatorBlock<TIn, TOut>> create, StageContractOptions<TIn> options, params IReadOnlyList<Func<TIn>> messages)
        where TIn : class
        where TOut : class
    {
        ArgumentNullException.ThrowIfNull(create);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(messages);
        ArgumentOutOfRangeException.ThrowIfLessThan(messages.Count, 1, nameof(messages));
        var trial = new StageTrial<TIn, TOut>(create, options, messages);
        await trial.GivesEveryMessageAndCompletesAsync().ConfigureAwait(false);
        await trial.KeepsItsBoundAsync().ConfigureAwait(false);
        await trial.EndsWhenCancelledAsync().ConfigureAwait(false);
        await trial.EndsWhenFaultedAsync().ConfigureAwait(false);
        await trial.FaultsWhenItsBodyThrowsAsync().ConfigureAwait(false);
    }
}
