using Horizon.Flow.Devices;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Program;
using Horizon.Flow.Units;

namespace Horizon.Flow.Alignment;

/// <summary>
/// A second store as the reference: its log-probabilities are there for any sequence at any time, such as answers that were drawn just now. It streams through the
/// same device, between the steps of the run that trains. One caller at a time.
/// </summary>
public sealed class HeldReference : IAsyncDisposable
{
    // So many micro-batches go through each layer while it is on the device.
    private const int Together = 8;

    private HeldReference(TrainingRun run) => Run = run;

    /// <summary>Streams the store.</summary>
    internal TrainingRun Run { get; }

    /// <summary>The plan of a model that is only read. Where ranks share it, each distributes it, and its store has slices.</summary>
    /// <param name="model">The reference's model.</param>
    public static TrainingPlan Plan(ModelDefinition model) => TrainingPlan.For(model).Freeze(_ => true);

    /// <summary>Starts.</summary>
    /// <param name="model">The reference's model.</param>
    /// <param name="store">Its weights, which stay as they are; belongs to the caller.</param>
    /// <param name="device">Where it computes; belongs to the caller.</param>
    public static HeldReference Start(ModelDefinition model, ParameterStore store, IComputeDevice device) => Start(Plan(model), store, device);

    /// <inheritdoc cref="Start(ModelDefinition, ParameterStore, IComputeDevice)"/>
    /// <param name="plan">See <see cref="Plan"/>.</param>
    /// <param name="store">Its weights, which stay as they are; belongs to the caller.</param>
    /// <param name="device">Where it computes; belongs to the caller.</param>
    public static HeldReference Start(TrainingPlan plan, ParameterStore store, IComputeDevice device)
    {
        ArgumentNullException.ThrowIfNull(plan);
        return new(plan.Start(store, device));
    }

    /// <summary>The micro-batches with the reference's log-probabilities as a column (<see cref="ReferenceLogProbabilities.Column"/>).</summary>
    /// <param name="microBatches">One or more; where ranks share the reference, each brings its own, and all as many.</param>
    /// <param name="cancellation">Gives up waiting for room; the reference is then of no use any more.</param>
    public async Task<IReadOnlyList<MicroBatch>> AttachAsync(IReadOnlyList<MicroBatch> microBatches, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(microBatches);
        var results = await LayerPass.RunAsync(Run, microBatches, Ops.LogProbabilities, Together, cancellation).ConfigureAwait(false);
        return [.. microBatches.Zip(results, (batch, result) => batch.WithColumn(ReferenceLogProbabilities.Column, result.Numbers))];
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => Run.DisposeAsync();
}
