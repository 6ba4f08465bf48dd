using System.Diagnostics;
using Horizon.Flow.Host;
using Horizon.Flow.Models;

namespace Horizon.Flow.GraphBench;

/// <summary>
/// The graph's share of a step of the quickstart's model: the same steps on the graph and on the hand-written loop, one by one in turns, so that
/// what else the machine does meets both alike.
/// </summary>
internal static class QuickstartShare
{
    private const int Pairs = 150;
    private const int WarmUp = 10;

    public static async Task PrintAsync(TextWriter output)
    {
        var model = ModelFamilies.Define(new ModelConfig
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
        var plan = TrainingPlan.For(model, new TrainingOptions { MaxGradientNorm = null, HostThreads = 1, LearningRate = _ => 1e-5 });
        using var device = new CpuDevice();
        using var store = plan.CreateStore(StorePrecision.Fp32);
        foreach (var unit in store.Units)
            foreach (var slot in unit.Layout.Parameters) model.Initialize(slot, 1, 0, unit.Weights.Span<float>(slot.Offset, (int)slot.Count));
        var random = new Random(1);
        const int Rows = 8, Length = 256;
        var ids = Enumerable.Range(0, Rows * Length).Select(_ => (long)random.Next(512)).ToArray();
        var batch = new MicroBatch(Rows, Length, ids, ids, [.. Enumerable.Range(0, Rows * Length).Select(i => (long)(i % Length))]);
        using var loop = new ThreadLoop(model, store, plan.Options.Optimizer);
        await using var run = plan.Start(store, device);
        var (byHand, onGraph) = (new List<double>(), new List<double>());
        for (var pair = -WarmUp; pair < Pairs; pair++)
        {
            var graphFirst = (pair & 1) == 0;
            var first = graphFirst ? await OnGraphAsync() : ByHand();
            var second = graphFirst ? ByHand() : await OnGraphAsync();
            if (pair < 0) continue;
            onGraph.Add(graphFirst ? first : second);
            byHand.Add(graphFirst ? second : first);
        }

        var ratios = byHand.Zip(onGraph, (hand, graph) => graph / hand).Order().ToList();
        var (hand, graph) = (byHand.Order().ElementAt(Pairs / 2), onGraph.Order().ElementAt(Pairs / 2));
        output.WriteLine($"quickstart model, {Rows} x {Length} tokens, medians of {Pairs} pairs of steps, in turns:");
        output.WriteLine($"  threads and queues by hand  {hand:F2} ms a step");
        output.WriteLine($"  the graph                   {graph:F2} ms a step, {graph / hand:F4} of it");
        output.WriteLine($"  graph / by hand, pairwise   {ratios[Pairs / 2]:F4} (quartiles {ratios[Pairs / 4]:F4} to {ratios[Pairs * 3 / 4]:F4})");

        double ByHand()
        {
            var start = Stopwatch.GetTimestamp();
            loop.Step(batch);
            return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        }

        async Task<double> OnGraphAsync()
        {
            var start = Stopwatch.GetTimestamp();
            await foreach (var _ in run.StepsAsync([[batch]]))
            {
            }

            return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        }
    }
}
