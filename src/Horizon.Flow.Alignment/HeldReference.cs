using Horizon.Flow.Devices;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Units;

namespace Horizon.Flow.Alignment;

/// <summary>
/// A second store as the reference: its log-probabilities are there for any sequence at any time, such as answers that were drawn just now. It streams through the
/// same device, between the steps of the run that trains. One caller at a time.
/// </summary>
public sealed class HeldReference : IAsyncDisposable
{
    private HeldReference(TrainingRun run) => Run = run;

    /// <summary>Streams the store.</summary>
    internal TrainingRun Run { get; }

    /// <summary>Starts.</summary>
    /// <param name="model">The reference's model.</param>
    /// <param name="store">Its weights, which stay as they are; belongs to the caller.</param>
    /// <param name="device">Where it computes; belongs to the caller.</param>
    public static HeldReference Start(ModelDefinition model, ParameterStore store, IComputeDevice device) => new(TrainingPlan.For(model).Freeze(_ => true).Start(store, device));

    /// <summary>The micro-batches with the reference's log-probabilities as a column (<see cref="ReferenceLogProbabilities.Column"/>).</summary>
    /// <param name="microBatches">Some micro-batches.</param>
    /// <param name="cancellation">Gives up waiting for room; the reference is then of no use any more.</param>
    public async Task<IReadOnlyList<MicroBatch>> AttachAsync(IReadOnlyList<MicroBatch> microBatches, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(microBatches);
        var reference = new ReferenceLogProbabilities();
        await reference.AddAsync(Run, microBatches, cancellationToken: cancellation).ConfigureAwait(false);
        return [.. microBatches.Select(reference.Attach)];
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => Run.DisposeAsync();
}
