using Horizon.Flow.Messages;
using Horizon.Flow.Program;
using Horizon.Flow.Units;

namespace Horizon.Flow.Alignment;

/// <summary>A pass of several micro-batches layer by layer, some through each while it is on the device, so that the store is streamed once for them.</summary>
internal static class LayerPass
{
    /// <summary>What an operation of the head gives for each micro-batch, in their order, with the parameters after all steps begun so far.</summary>
    /// <param name="run">A run of the model.</param>
    /// <param name="batches">One or more.</param>
    /// <param name="op">One that gives numbers of labelled places.</param>
    /// <param name="together">Micro-batches that go through each layer together: as many hidden states are held on the device.</param>
    /// <param name="cancellation">Gives up waiting for room; the run is then stopped.</param>
    public static async Task<IReadOnlyList<HostResult>> RunAsync(TrainingRun run, IReadOnlyList<MicroBatch> batches, string op, int together, CancellationToken cancellation)
    {
        var results = new List<HostResult>();
        foreach (var part in batches.Chunk(together))
        {
            var pass = await run.ComputeAsync(Program(run.Context.Plan.Model, part.Length, op), part, cancellation).ConfigureAwait(false);
            results.AddRange(pass.Results.OrderBy(result => result.Visit.MicroBatch));
        }

        return results;
    }

    private static StepProgram Program(ModelDefinition model, int microBatches, string op)
    {
        var builder = new ProgramBuilder();
        var hidden = new int?[microBatches];
        for (var layer = 0; layer < model.Hidden.Count; layer++)
        {
            var (unit, weights) = (model.Hidden[layer].Unit, builder.Weights(model.Hidden[layer].Unit));
            for (var i = 0; i < microBatches; i++)
            {
                var next = builder.Value($"h{layer + 1} of {i}");
                builder.Visit(Ops.Forward, unit, layer, weights, [hidden[i]], [next], i);
                hidden[i] = next;
            }
        }

        var head = builder.Weights(model.Head.Unit);
        for (var i = 0; i < microBatches; i++) builder.Visit(op, model.Head.Unit, model.Hidden.Count, head, [hidden[i]], [], i, result: true);
        return builder.Build();
    }
}
