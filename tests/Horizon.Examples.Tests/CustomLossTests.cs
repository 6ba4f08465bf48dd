using Horizon.Flow;
using Horizon.Flow.Models.Common;
using Horizon.Flow.Testing;
using Horizon.Flow.Units;
using static TorchSharp.torch.nn.functional;
using static TorchSharp.torch;

namespace Horizon.Examples.Tests;

public class CustomLossTests
{
    [Fact]
    public async Task RunAsync_SmoothedLoss_LearnsAndIsEvaluatedPlain()
    {
        var shown = await CustomLossExample.RunAsync(TextWriter.Null);
        Assert.True(shown.Smoothed.LastLoss < 0.8 * shown.Smoothed.Reports[0].Loss);
        Assert.True(shown.Smoothed.Reports[0].Loss > shown.Plain.Reports[0].Loss);
        Assert.InRange(shown.SmoothedEvaluation, 0, shown.Plain.Reports[0].Loss);
    }

    [Theory]
    [InlineData(0.1, 1e-2, 1024)]
    [InlineData(0.3, 0, 7)]
    [InlineData(0, 0, 1)]
    public async Task Differentiate_AnyWeightsAndChunks_EqualsTheDenseLoss(double smoothing, double zWeight, int chunk)
    {
        var model = Tiny.Model;
        var head = new SmoothedHead(model.Head.Template, Roles.Head, Tiny.Config.NormEpsilon, smoothing, zWeight, chunk);
        var trained = await Outcome.OfAsync(TrainingPlan.For(model with { Head = model.Head with { Template = head } }, PlainStep.Options), steps: 1);

        var initial = DenseParameters.Initial();
        using var scope = NewDisposeScope();
        var parameters = DenseParameters.Of(initial);
        foreach (var parameter in parameters.Values) parameter.requires_grad_();
        var batch = Tiny.Steps(1).Single()[0];
        var logits = new DenseModel(Tiny.Config, parameters).Logits(batch.InputIds, batch.Positions, null, batch.Rows, batch.SequenceLength).view(-1, Tiny.Config.VocabularySize);
        var labelled = tensor(batch.Targets).With(-100, (x, ignored) => x.ne(ignored));
        var (some, labels) = (logits[labelled], tensor(batch.Targets)[labelled]);
        var logProbabilities = log_softmax(some, -1);
        var wanted = one_hot(labels, Tiny.Config.VocabularySize).Times(1 - smoothing).Plus(smoothing / Tiny.Config.VocabularySize);
        var loss = (-(wanted * logProbabilities).sum(-1)).Plus(some.exp().sum(-1).log().Squared().Times(zWeight)).mean();
        PlainStep.AssertDense(loss, parameters, trained, 1e-4);
    }
}
