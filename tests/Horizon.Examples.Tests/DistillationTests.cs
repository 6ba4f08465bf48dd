using Horizon.Flow;
using Horizon.Flow.Activations;
using Horizon.Flow.Models;
using Horizon.Flow.Testing;
using Horizon.Flow.Units;
using static TorchSharp.torch.nn.functional;
using static TorchSharp.torch;

namespace Horizon.Examples.Tests;

public class DistillationTests
{
    [Fact]
    public async Task RunAsync_AStudentThatSeesTheTeacherAlone_LearnsTheTask()
    {
        var shown = await DistillationExample.RunAsync(TextWriter.Null, teacherSteps: 30, steps: 30);
        Assert.True(shown.Student.LastLoss < 0.7 * shown.Student.Reports[0].Loss);
        Assert.True(shown.EvaluationAfter < 0.8 * shown.EvaluationBefore);
        Assert.All(shown.TeacherBefore.Zip(shown.TeacherAfter), pair => Assert.Equal(pair.First, pair.Second));
    }

    [Theory]
    [InlineData(1, 1, ActivationPolicy.Recompute)]
    [InlineData(3, 2, ActivationPolicy.Recompute)]
    [InlineData(2, 1, ActivationPolicy.Keep)]
    public async Task Plan_OneStep_HasTheDenseDivergenceAndItsGradients(double temperature, int microBatches, ActivationPolicy policy)
    {
        var options = PlainStep.Options with { GradientAccumulation = microBatches, Activations = _ => policy };
        var teacherPlan = TrainingPlan.For(ModelFamilies.Define(DistillationExample.TeacherConfig), options);
        var plan = new Distillation(teacherPlan.Model, temperature: temperature).Plan(TrainingPlan.For(Tiny.Model, options));
        var batches = Tiny.Steps(1, rows: 4, microBatches: microBatches).Single();
        using var teacher = Tiny.CreateStore(teacherPlan, seed: 3);
        using var student = Tiny.CreateStore(plan);
        var trained = await Outcome.OfAsync(plan, student, [batches], run: null, teacher);

        using var scope = NewDisposeScope();
        var fixedParameters = DenseParameters.Of(Outcome.Read(teacher), teacherPlan.Model);
        var parameters = DenseParameters.Of(DenseParameters.Initial());
        foreach (var parameter in parameters.Values) parameter.requires_grad_();
        var sums = batches.Select(batch =>
        {
            using var noGrad = no_grad();
            return softmax(Labelled(DistillationExample.TeacherConfig, fixedParameters, batch).Over(temperature), -1);
        }).Zip(batches, (wanted, batch) => kl_div(log_softmax(Labelled(Tiny.Config, parameters, batch).Over(temperature), -1), wanted, log_target: false, reduction: nn.Reduction.Sum)).ToList();
        var loss = stack(sums).sum().Times(temperature * temperature).Over(batches.Sum(batch => batch.LabelledTokens));
        PlainStep.AssertDense(loss, parameters, trained, 2e-4);
    }

    private static Tensor Labelled(ModelConfig config, Dictionary<string, Tensor> parameters, MicroBatch batch)
    {
        var logits = new DenseModel(config, parameters).Logits(batch.InputIds, batch.Positions, null, batch.Rows, batch.SequenceLength);
        return logits.view(-1, config.VocabularySize)[tensor(batch.Targets).With(-100, (x, ignored) => x.ne(ignored))];
    }
}
