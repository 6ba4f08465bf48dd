using FsCheck;
using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Dense;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Tests;

public class LabelSmoothingTests
{
    /// <summary>Loss and gradients of any head are those of transformers' LabelSmoother, by autograd over all logits in fp64.</summary>
    [Cases(30, Arbitrary = [typeof(ModelCases)])]
    public void Differentiate_Smoothed_IsTheDenseLoss(ModelCase model, bool isDense, PositiveInt size, byte share)
    {
        var smoothing = share / 256.0;
        var limit = (1L + (size.Get % 4)) * sizeof(float) * model.Vocabulary;
        var definition = isDense
            ? DenseDecoder.Define(new DenseConfig(model.Config) { Norm = NormKind.LayerNorm, LogitScale = 0.5, LogitCap = 3 }, limit)
            : CausalDecoder.Define(model.Config, limit);
        var head = definition.WithLabelSmoothing(smoothing).Head.Template;
        var layout = definition.Units[definition.Head.Unit];
        using var scope = NewDisposeScope();
        using var random = new Generator((ulong)model.Seed);
        var weights = randn(layout.ElementCount, generator: random);
        var hidden = randn(model.Rows, model.Sequence, model.Hidden, generator: random);
        using var batch = UnitWalk.Batch(model.Batch());

        using var parameters = new ParameterViews(weights, layout);
        var flat = empty([layout.ElementCount], dtype: float32);
        using var gradients = new ParameterViews(flat, layout);
        var given = head.Differentiate(parameters, gradients, hidden, batch, 0.25);

        var (wideWeights, wideHidden) = (weights.to(float64).requires_grad_(), hidden.to(float64).requires_grad_());
        Tensor? Of(string role) => layout.Parameters.FirstOrDefault(slot => slot.Role == role) is { } slot ? wideWeights.narrow(0, slot.Offset, slot.Count).view([.. slot.Shape]) : null;
        var logits = Logits(Of, wideHidden, isDense).view(-1, model.Vocabulary).index_select(0, batch.LabelledTokens);
        var logProbabilities = nn.functional.log_softmax(logits, -1);
        var labels = batch.Targets.flatten().index_select(0, batch.LabelledTokens).unsqueeze(1);
        var plain = logProbabilities.gather(1, labels).neg().sum();
        var loss = plain.Times(1 - smoothing).Plus(logProbabilities.neg().mean([-1L]).sum().Times(smoothing));
        var found = autograd.grad([loss.Times(0.25)], [wideWeights, wideHidden]);

        Assert.Equal(loss.item<double>(), given.LossSum.item<double>(), 1e-5 * Math.Max(1, Math.Abs(loss.item<double>())));
        Assert.InRange(Numbers.RelativeError(found[0].to(float32).data<float>().ToArray(), flat.data<float>().ToArray()), 0, 2e-5);
        Assert.InRange(Numbers.RelativeError(found[1].to(float32).data<float>().ToArray(), given.InputGradient.data<float>().ToArray()), 0, 2e-5);
        // What is held out is compared by the plain loss.
        Assert.Equal(plain.item<double>(), head.LossSum(parameters, hidden, batch).item<double>(), 1e-5 * Math.Max(1, Math.Abs(plain.item<double>())));
    }

    /// <summary>No smoothing has the bits of a head that knows of none.</summary>
    [Cases(10, Arbitrary = [typeof(ModelCases)])]
    public void WithLabelSmoothing_OfNothing_HasTheSameBits(ModelCase model)
    {
        var logits = randn([model.Rows, model.Vocabulary], dtype: float32);
        var labels = randint(model.Vocabulary, [model.Rows], dtype: int64);
        var (one, oneLosses) = new EagerOperators().CrossEntropy(logits.clone(), labels, 0.5);
        var expected = (logits - logits.amax([-1], keepdim: true)).softmax(-1);
        var (other, otherLosses) = new EagerOperators().CrossEntropy(logits.clone(), labels, 0.5, 0);
        Assert.Equal(one!.data<float>().ToArray(), other!.data<float>().ToArray());
        Assert.Equal(oneLosses.data<float>().ToArray(), otherLosses.data<float>().ToArray());
        Assert.InRange((other!.Plus(nn.functional.one_hot(labels, model.Vocabulary).to(float32).Times(0.5)) - expected.Times(0.5)).abs().max().item<float>(), 0, 1e-6);
    }

    [Fact]
    public void Differentiate_SmoothedWithAScaleForEachLabel_IsRefused()
    {
        var head = new HeadTemplate(Roles.Head, 1e-5).WithLabelSmoothing(0.1);
        Assert.Contains("label smoothing", Assert.Throws<HorizonException>(() => head.Differentiate(null!, null, null!, null!, zeros(1))).Message, StringComparison.Ordinal);
    }

    private static Tensor Logits(Func<string, Tensor?> of, Tensor hidden, bool isDense)
    {
        var (projection, norm) = ((of(Roles.Head) ?? of(Roles.Embedding))!, of(Roles.FinalNorm)!);
        if (isDense)
        {
            var normed = nn.functional.layer_norm(hidden, [hidden.shape[^1]], norm, of(Roles.BiasOf(Roles.FinalNorm)), Epsilon);
            return nn.functional.linear(normed, projection).Times(0.5).Over(3).tanh().Times(3);
        }

        var square = hidden.Squared().mean([-1L], keepdim: true);
        return nn.functional.linear(hidden * square.Plus(Epsilon).rsqrt() * norm, projection);
    }

    private const double Epsilon = 1e-3;
}
