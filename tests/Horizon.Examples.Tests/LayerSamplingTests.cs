using Horizon.Flow.Testing;

namespace Horizon.Examples.Tests;

public class LayerSamplingTests
{
    private const int Steps = 12;

    [Fact]
    public async Task RunAsync_LayersDrawnAnew_EqualsADenseLoopThatDoesTheSame()
    {
        var shown = await LayerSamplingExample.RunAsync(TextWriter.Null, Steps, layers: 2, every: 2);
        using var dense = new DenseLoop(learningRate: 1e-2, epsilon: 1e-4, decay: 0.1, maximumNorm: 0.5);
        var losses = Tiny.Steps(Steps).Select((batches, i) => dense.Step(batches, name => shown.Drawn[i].Contains(UnitOf(name)))).ToList();
        Assert.All(losses.Zip(shown.Sampled.Reports), pair => Assert.Equal(pair.First, pair.Second.Loss, 1e-3));
        Numbers.AssertClose(
            dense.Values, DenseParameters.Of(shown.Sampled.Parameters).ToDictionary(pair => pair.Key, pair => pair.Value.data<float>().ToArray()), 1e-3);
    }

    [Fact]
    public async Task RunAsync_LayersNotDrawn_CostNothingAndKeepTheirState()
    {
        var shown = await LayerSamplingExample.RunAsync(TextWriter.Null, Steps, layers: 1, every: 2);
        var counts = Enumerable.Range(0, shown.Updates.Length).Select(unit => shown.Drawn.Count(drawn => drawn.Contains(unit))).ToList();
        Assert.Equal(counts, shown.Downloads);
        Assert.Equal(counts, shown.Updates.Select(count => (int)count));
        Assert.True(counts.Distinct().Count() > 2, "the draw is of no use to this test");
        Assert.True(shown.Sampled.LastLoss < shown.Sampled.Reports[0].Loss);
    }

    private static int UnitOf(string name) =>
        Enumerable.Range(0, Tiny.Model.Units.Count).Single(unit => Tiny.Model.Units[unit].Parameters.Any(slot => slot.TensorName == name));
}
