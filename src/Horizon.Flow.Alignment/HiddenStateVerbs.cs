using System.Threading.Tasks.Dataflow;
using Horizon.Flow.Messages;
using Horizon.Flow.Program;
using static TorchSharp.torch;

namespace Horizon.Flow.Alignment;

/// <summary>The hidden states of any micro-batches.</summary>
public static class HiddenStateVerbs
{
    private const string Show = "show hidden states";

    /// <summary>The plan of runs that can be asked for hidden states.</summary>
    public static TrainingPlan WithHiddenStates(this TrainingPlan plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        return plan.WithOp(Show, (_, stage) => new TransformBlock<OpWork, Computed>(work => work.GiveResult(work.Input().to(float32)), stage.ToDataflow()));
    }

    /// <summary>The hidden states of some micro-batches behind a layer, with the parameters after all steps begun so far: for each, [rows, sequence, hidden].</summary>
    /// <param name="run">Of a plan <see cref="WithHiddenStates"/>.</param>
    /// <param name="microBatches">Any; labels do not matter, but one of them must have one.</param>
    /// <param name="layers">How many of the visits before the head, the embedding's counted: 1 is what the embedding gives; all by default, without the final norm.</param>
    /// <param name="cancellationToken">Gives up waiting for room; the run is then stopped.</param>
    /// <exception cref="ArgumentOutOfRangeException">The model has fewer.</exception>
    public static async Task<IReadOnlyList<HostResult>> HiddenStatesAsync(
        this TrainingRun run, IReadOnlyList<MicroBatch> microBatches, int? layers = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(run);
        ArgumentNullException.ThrowIfNull(microBatches);
        var model = run.Context.Plan.Model;
        var count = layers ?? model.Hidden.Count;
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1, nameof(layers));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, model.Hidden.Count, nameof(layers));
        var builder = new ProgramBuilder();
        for (var microBatch = 0; microBatch < microBatches.Count; microBatch++)
        {
            var hidden = builder.Forward(model with { Hidden = [.. model.Hidden.Take(count)] }, microBatch: microBatch);
            builder.Visit(Show, model.Hidden[count - 1].Unit, count - 1, null, [hidden], [], microBatch, result: true);
        }

        return (await run.ComputeAsync(builder.Build(), microBatches, cancellationToken).ConfigureAwait(false)).Results;
    }
}
