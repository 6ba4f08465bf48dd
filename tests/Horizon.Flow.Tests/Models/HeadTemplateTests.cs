using FsCheck.Xunit;
using Horizon.Flow.Models.Common;
using Horizon.Flow.Testing;
using static TorchSharp.torch;

namespace Horizon.Flow.Tests.Models;

public class HeadTemplateTests
{
    [Property(Arbitrary = [typeof(ModelCases)], MaxTest = 20)]
    public void Differentiate_AnyChunkSize_GivesTheSameGradients(ModelCase model)
    {
        var (oneLoss, one) = Differentiate(model, tokensAChunk: 1);
        var (allLoss, all) = Differentiate(model, tokensAChunk: 1000);
        Assert.Equal(allLoss, oneLoss, 1e-6 * Math.Abs(allLoss));
        Numbers.AssertClose(all, one, 1e-5);
    }

    [Property(Arbitrary = [typeof(ModelCases)], MaxTest = 20)]
    public void LossSum_AnyShape_IsThatOfDifferentiate(ModelCase model)
    {
        using var head = new Head(model);
        var result = head.Template.Differentiate(head.Parameters, null, head.Hidden, head.Batch, 1);
        using var gradient = result.InputGradient;
        using var sum = result.LossSum;
        using var alone = head.Template.LossSum(head.Parameters, head.Hidden, head.Batch);
        Assert.Equal(sum.item<double>(), alone.item<double>());
    }

    [Property(Arbitrary = [typeof(ModelCases)], MaxTest = 10)]
    public void Differentiate_NoLabels_GivesZeros(ModelCase model)
    {
        var (loss, gradients) = Differentiate(model, tokensAChunk: 2, unlabelled: true);
        Assert.Equal(0, loss);
        Assert.All(gradients.Values.SelectMany(values => values), value => Assert.Equal(0, value));
    }

    private static (double Loss, Dictionary<string, float[]> Gradients) Differentiate(ModelCase model, int tokensAChunk, bool unlabelled = false)
    {
        using var head = new Head(model, tokensAChunk, unlabelled);
        using var flat = empty([head.Parameters.Layout.ElementCount], dtype: float32).FillInPlace(float.NaN);
        using var gradients = new ParameterViews(flat, head.Parameters.Layout);
        var result = head.Template.Differentiate(head.Parameters, gradients, head.Hidden, head.Batch, 0.25);
        using var input = result.InputGradient;
        using var sum = result.LossSum;
        return (sum.item<double>(), new() { ["flat"] = flat.data<float>().ToArray(), ["input"] = input.data<float>().ToArray() });
    }

    /// <summary>A head with random parameters, hidden states and targets.</summary>
    private sealed class Head : IDisposable
    {
        private readonly Tensor _flat;

        public Head(ModelCase model, int tokensAChunk = 3, bool unlabelled = false)
        {
            var definition = CausalDecoder.Define(model.Config, (long)tokensAChunk * sizeof(float) * model.Vocabulary);
            Template = definition.Head.Template;
            var layout = definition.Units[definition.Head.Unit];
            using var random = new Generator((ulong)model.Seed);
            _flat = randn(layout.ElementCount, generator: random);
            Hidden = randn(model.Rows, model.Sequence, model.Hidden, generator: random);
            Parameters = new ParameterViews(_flat, layout);
            var batch = model.Batch();
            Batch = UnitWalk.Batch(unlabelled ? new MicroBatch(batch.Rows, batch.SequenceLength, batch.InputIds, [.. batch.Targets.Select(_ => MicroBatch.Unlabelled)], batch.Positions, batch.Documents) : batch);
        }

        public IHeadTemplate Template { get; }

        public ParameterViews Parameters { get; }

        public Tensor Hidden { get; }

        public DeviceBatch Batch { get; }

        public void Dispose()
        {
            Parameters.Dispose();
            _flat.Dispose();
            Hidden.Dispose();
            Batch.Dispose();
        }
    }
}
