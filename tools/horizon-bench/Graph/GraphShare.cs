using System.Diagnostics;
using Horizon.Flow.Devices;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models;
using Horizon.Flow.Units;

namespace Horizon.Flow.Bench;

/// <summary>
/// The graph's share of a step: the same steps on the graph and on the hand-written loop, one by one in turns, so that what else the machine
/// does meets both alike.
/// </summary>
internal static class GraphShare
{
    private const int WarmUp = 10;

    public static async Task PrintAsync(int pairs, TextWriter output)
    {
        const int Rows = 8, Length = 256;
        var random = new Random(1);
        var ids = Enumerable.Range(0, Rows * Length).Select(_ => (long)random.Next(512)).ToArray();
        var batch = new MicroBatch(Rows, Length, ids, ids, [.. Enumerable.Range(0, Rows * Length).Select(i => (long)(i % Length))]);
        await MeasureAsync($"quickstart's model, {Rows} x {Length} tokens", Quickstart, batch, pairs, output);

        // What a step allocates must not grow with its parameters.
        foreach (var parameters in (int[])[64, 65_536])
            await MeasureAsync($"30 layers of {parameters} parameters that compute nothing", EmptyModel.Create(30, parameters), EmptyModel.Batch, pairs, output);
    }

    private static ModelDefinition Quickstart => ModelFamilies.Define(new ModelConfig
    {
        Architecture = "LlamaForCausalLM",
        LayerCount = 5,
        HeadCount = 8,
        KeyValueHeadCount = 4,
        HeadDimension = 8,
        HiddenSize = 64,
        IntermediateSize = 172,
        VocabularySize = 512,
        MaximumSequenceLength = 512,
        TiedHead = false,
    });

    private static async Task MeasureAsync(string name, ModelDefinition model, MicroBatch batch, int pairs, TextWriter output)
    {
        var plan = TrainingPlan.For(model, new TrainingOptions { MaxGradientNorm = null, HostThreads = 1, LearningRate = _ => 1e-5 });
        using var device = new CpuDevice();
        using var store = plan.CreateStore(StorePrecision.Fp32);
        foreach (var unit in store.Units)
            foreach (var slot in unit.Layout.Parameters) model.Initialize(slot, 1, 0, unit.Weights.Span<float>(slot.Offset, (int)slot.Count));
        using var loop = new ThreadLoop(model, store, plan.Options.Optimizer);
        await using var run = plan.Start(store, device);
        var (byHand, onGraph, allocated) = (new List<double>(), new List<double>(), new List<long>());
        for (var pair = -WarmUp; pair < pairs; pair++)
        {
            var graphFirst = (pair & 1) == 0;
            var first = graphFirst ? await OnGraphAsync() : ByHand();
            var second = graphFirst ? ByHand() : await OnGraphAsync();
            if (pair < 0) continue;
            onGraph.Add(graphFirst ? first : second);
            byHand.Add(graphFirst ? second : first);
        }

        var ratios = byHand.Zip(onGraph, (hand, graph) => graph / hand).Order().ToList();
        await output.WriteLineAsync(FormattableString.Invariant($"{name}, medians of {pairs} pairs of steps, in turns:"));
        await output.WriteLineAsync(FormattableString.Invariant($"  threads and queues by hand  {Median(byHand):F3} ms a step"));
        await output.WriteLineAsync(FormattableString.Invariant($"  the graph                   {Median(onGraph):F3} ms a step, {Median(allocated):N0} bytes allocated"));
        await output.WriteLineAsync(FormattableString.Invariant($"  graph / by hand, pairwise   {ratios[pairs / 2]:F4} (quartiles {ratios[pairs / 4]:F4} to {ratios[pairs * 3 / 4]:F4})"));

        double ByHand()
        {
            var start = Stopwatch.GetTimestamp();
            loop.Step(batch);
            return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        }

        async Task<double> OnGraphAsync()
        {
            var (start, before) = (Stopwatch.GetTimestamp(), GC.GetTotalAllocatedBytes(precise: true));
            await foreach (var _ in run.StepsAsync([[batch]]))
            {
            }

            allocated.Add(GC.GetTotalAllocatedBytes(precise: true) - before);
            return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        }
    }

    private static T Median<T>(List<T> values) => values.Order().ElementAt(values.Count / 2);
}
