using Horizon.Flow.Devices;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Tests.Training;

/// <summary>Evaluation, logits and log-probabilities are programs on the same graph, against a dense model.</summary>
public class PassTests
{
    [Cases(15, Arbitrary = [typeof(TrainingCases)])]
    public async Task Passes_AnyShape_EqualTheDenseModel(TrainingCase @case)
    {
        var batches = Enumerable.Range(0, @case.MicroBatches).Select(@case.Model.Batch).ToList();
        var plan = TrainingPlan.For(ModelFamilies.Define(@case.Model.Config), @case.Options()).Freeze(_ => true);
        using var store = plan.CreateStore(StorePrecision.Fp32);
        StoreValues.Write(store, @case.Model.Parameters());
        using var device = new JitterDevice(@case.Model.Seed);
        await using var run = plan.Start(store, device);
        using var dense = new DenseTrainer(@case.Model.Config, @case.Model.Parameters());
        var micro = batches.ToList();
        var (expected, _) = dense.Differentiate(batches);
        Assert.Equal(expected, await run.EvaluateAsync(micro), 1e-5 * expected);
        var (logits, probabilities) = (await run.LogitsAsync(micro), await run.LogProbabilitiesAsync(micro));
        var vocabulary = @case.Model.Vocabulary;
        for (var i = 0; i < batches.Count; i++)
        {
            var (ids, targets, positions, documents, rows, sequence) = (batches[i].InputIds, batches[i].Targets, batches[i].Positions, batches[i].Documents, batches[i].Rows, batches[i].SequenceLength);
            var all = dense.Logits(ids, positions, documents, rows, sequence);
            var places = Enumerable.Range(0, targets.Length).Where(place => targets[place] != MicroBatch.Unlabelled).ToList();
            var labelled = places.SelectMany(place => all.Skip(place * vocabulary).Take(vocabulary)).ToArray();
            Assert.Equal([places.Count, vocabulary], logits[i].Shape);
            Assert.InRange(Numbers.RelativeError(labelled, logits[i].Numbers), 0, 1e-5);
            for (var place = 0; place < places.Count; place++)
            {
                var row = labelled.AsSpan(place * vocabulary, vocabulary).ToArray().Select(value => (double)value).ToArray();
                var highest = row.Max();
                var wanted = row[targets[places[place]]] - highest - Math.Log(row.Sum(value => Math.Exp(value - highest)));
                Assert.Equal(wanted, probabilities[i].Numbers[place], 1e-4);
            }
        }

        Assert.Equal(0, store.Step);
    }

    [Fact]
    public async Task BeginStep_EverythingFrozen_IsRefusedInASentence()
    {
        var plan = SmallRun.Plan().Freeze(_ => true);
        using var store = SmallRun.NewStore(plan);
        using var device = new CpuDevice();
        await using var run = plan.Start(store, device);
        var told = await Assert.ThrowsAsync<HorizonException>(() => run.BeginStepAsync(SmallRun.Batch()));
        Assert.Contains("trains nothing: every unit is frozen", told.Message, StringComparison.Ordinal);
    }
}
