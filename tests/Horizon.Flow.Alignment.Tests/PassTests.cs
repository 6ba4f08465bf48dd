using System.Collections.Concurrent;
using FsCheck.Xunit;
using Horizon.Flow.Devices;
using Horizon.Flow.Program;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Alignment.Tests;

/// <summary>What any batch can be asked for in one call, and what a head is told of the pass that it is in.</summary>
[Properties(Arbitrary = [typeof(TrainingCases)])]
public class PassTests
{
    private sealed class Asking(ConcurrentQueue<(StepPurpose Purpose, long Step, int MicroBatches)> told) : LogProbabilityObjective
    {
        public override ObjectiveLoss Loss(Tensor logProbabilities, DeviceBatch batch)
        {
            told.Enqueue((batch.Step!.Purpose, batch.Step.Number, batch.Step.MicroBatchCount));
            return new(logProbabilities.neg().sum());
        }
    }

    /// <summary>The hidden states before the head are those whose logits and log-probabilities the run gives; the first ones are the embedding's rows.</summary>
    [Cases(15)]
    public async Task HiddenStates_ThroughTheHead_AreTheLogits(TrainingCase @case)
    {
        @case = @case with { Bf16 = false };
        var plan = @case.Plan().WithHiddenStates();
        using var store = @case.CreateStore(plan);
        using var device = new CpuDevice(threads: 1);
        await using var run = plan.Start(store, device);
        var batches = @case.Batches().First();
        var (last, first) = (await run.HiddenStatesAsync(batches), await run.HiddenStatesAsync(batches, layers: 1));
        var logits = await run.LogitsAsync(batches);
        var values = @case.Model.Parameters();
        for (var i = 0; i < batches.Count; i++)
        {
            using var scope = NewDisposeScope();
            Assert.Equal([batches[i].Rows, batches[i].SequenceLength, @case.Model.Hidden], last[i].Shape);
            var rows = tensor(last[i].Numbers).view(-1, @case.Model.Hidden).index_select(0, tensor(batches[i].LabelledPlaces)).to(float64);
            var normed = rows / rows.Squared().mean([-1], keepdim: true).Plus(@case.Model.Config.NormEpsilon).sqrt() * tensor(values["model.norm.weight"]).to(float64);
            var head = tensor(values[@case.Model.Tied ? "model.embed_tokens.weight" : "lm_head.weight"]).to(float64).view(-1, @case.Model.Hidden);
            var expected = normed.matmul(head.t()).to(float32).data<float>().ToArray();
            foreach (var (one, other) in expected.Zip(logits[i].Numbers)) Assert.Equal(one, other, 1e-4f);
            var id = (int)batches[i].InputIds[0];
            Assert.Equal(values["model.embed_tokens.weight"][(id * @case.Model.Hidden)..((id + 1) * @case.Model.Hidden)], first[i].Numbers[..@case.Model.Hidden]);
        }

        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => run.HiddenStatesAsync(batches, layers: 99));
    }

    [Fact]
    public async Task Head_IsToldStepAndPurpose()
    {
        var told = new ConcurrentQueue<(StepPurpose, long, int)>();
        var @case = TrainingCase.Small;
        var plan = @case.Plan().WithObjective(new Asking(told));
        using var store = @case.CreateStore(plan);
        using var device = new CpuDevice(threads: 1);
        await using var run = plan.Start(store, device);
        await foreach (var _ in run.StepsAsync(@case.Batches()))
        {
        }

        await run.EvaluateAsync([@case.Model.Batch()]);
        await run.GradientsAsync(@case.Batches().First());
        Assert.Equal([
            (StepPurpose.Train, 1, 2), (StepPurpose.Train, 1, 2), (StepPurpose.Train, 2, 2), (StepPurpose.Train, 2, 2),
            (StepPurpose.Evaluate, 2, 1), (StepPurpose.Gradients, 2, 2), (StepPurpose.Gradients, 2, 2)], told);
    }
}
