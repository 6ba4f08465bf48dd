using Horizon.Flow.Devices;
using Horizon.Flow.Graph;
using Horizon.Flow.Models;
using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Tests;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Tests.Training;
using Horizon.Flow.Units;
using static TorchSharp.torch.nn.functional;
using static TorchSharp.torch;

namespace Horizon.Flow.Tests.Units;

/// <summary>The usual loss by autograd, against the head whose gradients are written out.</summary>
public class AutogradHeadTests
{
    [Cases(20, Arbitrary = [typeof(ModelCases)])]
    public void Differentiate_TheUsualLoss_AsTheTemplateWithItsOwnBackward(ModelCase model)
    {
        var definition = ModelFamilies.Define(model.Config);
        var mine = definition with { Head = definition.Head with { Template = new PlainHead(definition, model.Config.NormEpsilon) } };
        using var batch = UnitWalk.Batch(model.Batch());
        using var expected = new UnitWalk(definition, model.Parameters());
        using var actual = new UnitWalk(mine, model.Parameters());
        var (wantedLoss, wanted) = expected.Differentiate(batch, 0.25);
        var (loss, gradients) = actual.Differentiate(batch, 0.25);
        Assert.Equal(wantedLoss, loss, 1e-5 * Math.Abs(wantedLoss));
        Numbers.AssertClose(wanted, gradients, 1e-5);
    }

    /// <summary>In a run, a frozen one too; every temporary is gone when a visit ends, which the run's own checks hold.</summary>
    [Cases(6, Arbitrary = [typeof(TrainingCases)])]
    public async Task Train_WithTheUsualLoss_AsTheTemplateWithItsOwnBackward(TrainingCase @case, bool frozen)
    {
        TrainingPlan Freeze(TrainingPlan plan) => frozen && plan.Model.Units.Count > 2 ? plan.Freeze(unit => unit.Name == plan.Model.Units[plan.Model.Head.Unit].Name) : plan;
        var wanted = await @case.TrainAsync(rewire: Freeze);
        var found = await @case.TrainAsync(rewire: Freeze, model: model => model with { Head = model.Head with { Template = new PlainHead(model, @case.Model.Config.NormEpsilon) } });
        foreach (var (expected, actual) in wanted.Reports.Zip(found.Reports)) Assert.Equal(expected.Loss, actual.Loss, 1e-4 * expected.Loss);
        Numbers.AssertClose(wanted.Parameters, found.Parameters, 1e-4);
    }

    [Fact]
    public async Task Evaluate_AndLogits_ThePlainHeadGivesTheLossAndRefusesLogits()
    {
        var model = SmallRun.Model;
        var plan = TrainingPlan.For(model with { Head = model.Head with { Template = new PlainHead(model, SmallRun.Case.Model.Config.NormEpsilon) } }, SmallRun.Case.Options());
        using var store = SmallRun.NewStore(plan);
        using var usual = SmallRun.NewStore(SmallRun.Plan());
        using var device = new CpuDevice();
        double expected;
        await using (var run = SmallRun.Plan().Start(usual, device)) expected = await run.EvaluateAsync(SmallRun.Batch());
        await using (var run = plan.Start(store, device))
        {
            Assert.Equal(expected, await run.EvaluateAsync(SmallRun.Batch()), 1e-5 * expected);
            var error = await Assert.ThrowsAsync<StageException>(() => run.LogitsAsync(SmallRun.Batch()));
            Assert.Contains("PlainHead gives no logits", error.ToString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Differentiate_ALossThatIsNoScalar_IsRefusedByName()
    {
        var model = SmallRun.Case.Model;
        var definition = ModelFamilies.Define(model.Config);
        using var batch = UnitWalk.Batch(model.Batch());
        using var walk = new UnitWalk(definition with { Head = definition.Head with { Template = new WideHead() } }, model.Parameters());
        Assert.Contains("WideHead.ComputeLossSum gave Float32 [", Assert.Throws<InvalidOperationException>(() => walk.Differentiate(batch, 1)).Message, StringComparison.Ordinal);
    }

    private sealed class PlainHead(ModelDefinition model, double epsilon) : AutogradHead
    {
        private readonly string _projection = model.Units[model.Head.Unit].Parameters.First(slot => slot.Shape.Count == 2).Role;

        protected override Tensor ComputeLossSum(ParameterViews parameters, Tensor hidden, DeviceBatch batch)
        {
            var x = batch.LabelledRows(hidden).to(float32);
            var normed = parameters[Roles.FinalNorm] * (x * rsqrt(x.Squared().mean([-1], keepdim: true).Plus(epsilon)));
            var labels = batch.Targets.flatten().index_select(0, batch.LabelledTokens);
            return cross_entropy(linear(normed, parameters[_projection]), labels, reduction: TorchSharp.torch.nn.Reduction.Sum).to(float64);
        }
    }

    private sealed class WideHead : AutogradHead
    {
        protected override Tensor ComputeLossSum(ParameterViews parameters, Tensor hidden, DeviceBatch batch) => hidden.Squared();
    }
}
