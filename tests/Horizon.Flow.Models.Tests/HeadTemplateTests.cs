using FsCheck;
using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Dense;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Tests;

public class HeadTemplateTests
{
    /// <summary>The head of each decoder: the written one, and the one with parts.</summary>
    public enum Kind
    {
        /// <summary><see cref="HeadTemplate"/>.</summary>
        Causal,

        /// <summary><see cref="DenseHeadNorm"/>, logits scaled and capped behind a LayerNorm.</summary>
        Dense,
    }

    [Cases(20, Arbitrary = [typeof(ModelCases)])]
    public void Differentiate_AnyChunkSize_GivesTheSameGradients(ModelCase model, Kind kind)
    {
        var (oneLoss, one) = Differentiate(model, kind, tokensAChunk: 1);
        var (allLoss, all) = Differentiate(model, kind, tokensAChunk: 1000);
        Assert.Equal(allLoss, oneLoss, 1e-6 * Math.Abs(allLoss));
        Numbers.AssertClose(all, one, 1e-5);
    }

    [Cases(20, Arbitrary = [typeof(ModelCases)])]
    public void LossSum_AnyShape_IsThatOfDifferentiate(ModelCase model, Kind kind)
    {
        using var head = new Head(model, kind);
        var result = head.Template.Differentiate(head.Parameters, null, head.Hidden, head.Batch, 1);
        using var gradient = result.InputGradient;
        using var sum = result.LossSum;
        using var alone = head.Template.LossSum(head.Parameters, head.Hidden, head.Batch);
        Assert.Equal(sum.item<double>(), alone.item<double>());
    }

    /// <summary>Those of the softmax over all logits at once, though never more than a chunk of them exist.</summary>
    [Cases(20, Arbitrary = [typeof(ModelCases)])]
    public void LogProbabilities_AnyChunkSize_AreThoseOfAllLogits(ModelCase model, Kind kind, PositiveInt size)
    {
        var tokensAChunk = 1 + (size.Get % 4);
        using var head = new Head(model, kind, tokensAChunk);
        using var scope = NewDisposeScope();
        var given = head.Template.LogProbabilities(head.Parameters, head.Hidden, head.Batch).data<float>().ToArray();
        var labels = head.Batch.Targets.flatten().index_select(0, head.Batch.LabelledTokens).unsqueeze(1);
        var all = nn.functional.log_softmax(head.Template.Logits(head.Parameters, head.Batch.LabelledRows(head.Hidden)), -1).gather(1, labels);
        Assert.InRange(Numbers.RelativeError(all.data<float>().ToArray(), given), 0, 1e-5);
        Assert.All(head.Operators.Rows, rows => Assert.InRange(rows, 1, tokensAChunk));
        Assert.Equal(labels.shape[0], head.Operators.Rows.Sum());
    }

    /// <summary>A scale for each label: the gradients are sums of those that each label alone gives.</summary>
    [Cases(20, Arbitrary = [typeof(ModelCases)])]
    public void Differentiate_ScaleOfEachLabel_IsTheSumOverLabels(ModelCase model, Kind kind, PositiveInt size)
    {
        using var head = new Head(model, kind, tokensAChunk: 1 + (size.Get % 4));
        using var scope = NewDisposeScope();
        var labels = head.Batch.LabelledTokens.shape[0];
        var random = new Random(model.Seed);
        var scales = Enumerable.Range(0, (int)labels).Select(_ => (float)((2 * random.NextDouble()) - 1)).ToArray();
        float[] Gradients(float[] scale)
        {
            var flat = empty([head.Parameters.Layout.ElementCount], dtype: float32).FillInPlace(float.NaN);
            using var gradients = new ParameterViews(flat, head.Parameters.Layout);
            var result = head.Template.Differentiate(head.Parameters, gradients, head.Hidden, head.Batch, tensor(scale));
            return [.. flat.data<float>().ToArray(), .. result.InputGradient.data<float>().ToArray()];
        }

        var together = Gradients(scales);
        var sum = new double[together.Length];
        for (var i = 0; i < scales.Length; i++)
        {
            var alone = Gradients([.. scales.Select((_, j) => j == i ? 1f : 0)]);
            for (var k = 0; k < sum.Length; k++) sum[k] += scales[i] * (double)alone[k];
        }

        Assert.InRange(Numbers.RelativeError([.. sum.Select(value => (float)value)], together), 0, 1e-5);
        Assert.InRange(Numbers.RelativeError(Gradients([.. scales.Select(_ => 1f)]), Plain(head)), 0, 1e-5);
    }

    private static float[] Plain(Head head)
    {
        var flat = empty([head.Parameters.Layout.ElementCount], dtype: float32);
        using var gradients = new ParameterViews(flat, head.Parameters.Layout);
        var result = head.Template.Differentiate(head.Parameters, gradients, head.Hidden, head.Batch, 1);
        return [.. flat.data<float>().ToArray(), .. result.InputGradient.data<float>().ToArray()];
    }

    [Cases(10, Arbitrary = [typeof(ModelCases)])]
    public void Differentiate_NoLabels_GivesZeros(ModelCase model, Kind kind)
    {
        var (loss, gradients) = Differentiate(model, kind, tokensAChunk: 2, unlabelled: true);
        Assert.Equal(0, loss);
        Assert.All(gradients.Values.SelectMany(values => values), value => Assert.Equal(0, value));
    }

    private static (double Loss, Dictionary<string, float[]> Gradients) Differentiate(ModelCase model, Kind kind, int tokensAChunk, bool unlabelled = false)
    {
        using var head = new Head(model, kind, tokensAChunk, unlabelled);
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

        public Head(ModelCase model, Kind kind, int tokensAChunk = 3, bool unlabelled = false)
        {
            var limit = (long)tokensAChunk * sizeof(float) * model.Vocabulary;
            var definition = kind == Kind.Causal
                ? CausalDecoder.Define(model.Config, limit)
                : DenseDecoder.Define(new DenseConfig(model.Config) { Norm = NormKind.LayerNorm, LogitScale = 0.5, LogitCap = 3 }, limit);
            Template = definition.Head.Template;
            var layout = definition.Units[definition.Head.Unit];
            using var random = new Generator((ulong)model.Seed);
            _flat = randn(layout.ElementCount, generator: random);
            Hidden = randn(model.Rows, model.Sequence, model.Hidden, generator: random);
            Parameters = new ParameterViews(_flat, layout);
            var batch = model.Batch();
            if (unlabelled) batch = new MicroBatch(batch.Rows, batch.SequenceLength, batch.InputIds, [.. batch.Targets.Select(_ => MicroBatch.Unlabelled)], batch.Positions, batch.Documents);
            Batch = UnitWalk.Batch(batch, Operators);
        }

        public IHeadTemplate Template { get; }

        public ChunkRecorder Operators { get; } = new();

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
