using System.Diagnostics;
using Horizon.Flow.Host;
using Horizon.Flow.Models;

namespace Horizon.Flow.GraphBench;

/// <summary>
/// The graph's share of a step of the quickstart's model: the same steps on the graph and on the hand-written loop, in turns, in one run.
/// </summary>
internal static class QuickstartShare
{
    private const int Rounds = 9;
    private const int StepsPerRound = 6;

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
        for (var round = -1; round < Rounds; round++)
        {
            var start = Stopwatch.GetTimestamp();
            for (var step = 0; step < StepsPerRound; step++) loop.Step(batch);
            var middle = Stopwatch.GetTimestamp();
            await foreach (var _ in run.StepsAsync(Enumerable.Repeat<IReadOnlyList<MicroBatch>>([batch], StepsPerRound)))
            {
            }

            var end = Stopwatch.GetTimestamp();
            if (round < 0) continue; // warm-up
            byHand.Add(Stopwatch.GetElapsedTime(start, middle).TotalMilliseconds / StepsPerRound);
            onGraph.Add(Stopwatch.GetElapsedTime(middle, end).TotalMilliseconds / StepsPerRound);
        }

        var ratios = byHand.Zip(onGraph, (hand, graph) => graph / hand).Order().ToList();
        output.WriteLine($"quickstart model, {Rows} x {Length} tokens, medians of {Rounds} rounds of {StepsPerRound} steps, in turns:");
        output.WriteLine($"  threads and queues by hand  {byHand.Order().ElementAt(Rounds / 2):F2} ms a step");
        output.WriteLine($"  the graph                   {onGraph.Order().ElementAt(Rounds / 2):F2} ms a step");
        output.WriteLine($"  graph / by hand, by round   {ratios[Rounds / 2]:F4} (from {ratios[0]:F4} to {ratios[^1]:F4})");
    }
}
