using FsCheck;
using FsCheck.Xunit;
using Horizon.Flow.Accounting;
using Horizon.Flow.Alignment.Distillation;
using Horizon.Flow.Devices;
using Horizon.Flow.Models;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Alignment.Tests.Distillation;

/// <summary>A student beside a teacher, or with what was stored of it, against two dense models in fp64: losses within 1e-6, parameters within 1e-5.</summary>
[Properties(Arbitrary = [typeof(TrainingCases)])]
public class DistillationTests
{
    [Cases(10)]
    public Task Forward_AllTokens_IsDense(TrainingCase @case) => AssertAsync(@case, new DistillationObjective { Temperature = 2 });

    [Cases(10)]
    public Task Reverse_AllTokens_Mixed_IsDense(TrainingCase @case) =>
        AssertAsync(@case, new DistillationObjective { Divergence = Divergence.Reverse, Temperature = 1.5, CrossEntropyWeight = 0.3 });

    [Cases(15)]
    public Task Forward_TopK_IsDense(TrainingCase @case, PositiveInt count) =>
        AssertAsync(@case, new DistillationObjective { TopK = Count(@case, count), CrossEntropyWeight = 0.5 });

    [Cases(15)]
    public Task Reverse_TopK_IsDense(TrainingCase @case, PositiveInt count) =>
        AssertAsync(@case, new DistillationObjective { Divergence = Divergence.Reverse, TopK = Count(@case, count), Temperature = 3 });

    /// <summary>What was stored gives the losses and parameters of the teacher itself. A sequence that occurs twice is stored once, as its first micro-batch computed it.</summary>
    [Cases(15)]
    public async Task Stored_IsTheTeacherItself(TrainingCase @case, PositiveInt count)
    {
        @case = @case with { Bf16 = false };
        var objective = new DistillationObjective { TopK = Count(@case, count), Temperature = 2, CrossEntropyWeight = 0.2 };
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, "teacher");
        IReadOnlyList<IReadOnlyList<MicroBatch>> steps = [.. @case.Batches()];
        var beside = await TrainAsync(@case, objective, steps);

        var plan = TeacherLogits.Plan(ModelFamilies.Define(Teacher(@case).Config), @case.Model.Vocabulary, objective.TopK!.Value, objective.Temperature);
        using (var teacher = TeacherStore(@case, plan))
        using (var device = new CpuDevice(threads: 1))
        await using (var run = plan.Start(teacher, device))
            await TeacherLogits.WriteAsync(run, steps.SelectMany(step => step), path, objective.TopK.Value, objective.Temperature);

        using var logits = TeacherLogits.Open(path);
        Assert.Equal((objective.TopK.Value, objective.Temperature), (logits.TopK, logits.Temperature));
        var stored = await TrainAsync(@case, objective, [.. steps.Select(step => step.Select(logits.Attach).ToList())], stored: true);
        foreach (var (one, other) in beside.Reports.Zip(stored.Reports)) Assert.Equal(one.Loss, other.Loss, 1e-6);
        Numbers.AssertClose(beside.Parameters, stored.Parameters, 1e-6);
    }

    /// <summary>A student that is its teacher has no divergence, and its cross-entropy is what it is without a teacher.</summary>
    [Cases(10)]
    public async Task Divergence_OfTheTeacherItself_IsNothing(TrainingCase @case, bool top, bool reverse)
    {
        @case = @case with { Bf16 = false, Steps = 1 };
        var objective = new DistillationObjective { TopK = top ? 2 : null, Divergence = reverse ? Divergence.Reverse : Divergence.Forward };
        IReadOnlyList<IReadOnlyList<MicroBatch>> steps = [.. @case.Batches()];
        var outcome = await TrainAsync(@case, objective, steps, teacher: @case.Model);
        var metrics = ((IMeasuredObjective)objective).MetricsOf(outcome.Reports[0]);
        Assert.Equal(0, outcome.Reports[0].Loss, 1e-6);
        Assert.Equal(0, metrics["divergence"], 1e-6);
        Assert.Equal((await @case.TrainAsync()).Reports[0].Loss, metrics["cross_entropy"], 1e-5);
    }

    [Fact]
    public async Task Evaluate_IsTheCrossEntropyAlone()
    {
        var @case = TrainingCase.Small;
        var plan = @case.Plan();
        var distilled = plan.WithTeacher(ModelFamilies.Define(Teacher(@case).Config), new DistillationObjective());
        var batches = @case.Batches().First();
        using var device = new CpuDevice(threads: 1);
        using var store = @case.CreateStore(plan);
        using var teacher = TeacherStore(@case, plan);
        await using var one = plan.Start(store, device);
        var expected = await one.EvaluateAsync(batches);
        await one.DisposeAsync();
        await using var other = distilled.Start(store, device, null, teacher);
        Assert.Equal(expected, await other.EvaluateAsync(batches));
    }

    [Cases(50)]
    public async Task Open_Damaged_IsRefused(int place, byte other)
    {
        var bytes = await WholeAsync();
        place = (int)((uint)place % bytes.Length);
        if (bytes[place] == other) return;
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, "teacher");
        await File.WriteAllBytesAsync(path, bytes[..place]);
        Assert.Throws<HorizonException>(() => TeacherLogits.Open(path));
        bytes[place] = other;
        await File.WriteAllBytesAsync(path, bytes);
        Assert.Throws<HorizonException>(() => TeacherLogits.Open(path));
    }

    [Fact]
    public async Task Misuse_IsRefusedInASentence()
    {
        var @case = TrainingCase.Small;
        var teacher = ModelFamilies.Define(Teacher(@case).Config);
        Assert.Contains("11 token ids, the student 12", Assert.Throws<HorizonException>(() =>
            (@case with { Model = @case.Model with { Vocabulary = 12 } }).Plan().WithTeacher(teacher, new DistillationObjective())).Message, StringComparison.Ordinal);
        Assert.Contains("take fewer", Assert.Throws<HorizonException>(() => @case.Plan().WithTeacher(teacher, new DistillationObjective { TopK = 11 })).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => new DistillationObjective { Temperature = 0 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new DistillationObjective { TopK = 0 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new DistillationObjective { CrossEntropyWeight = 1.1 });
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, "teacher");
        await File.WriteAllBytesAsync(path, await WholeAsync());
        using var logits = TeacherLogits.Open(path);
        Assert.Contains("does not know sequence 1", Assert.Throws<HorizonException>(() => logits.Attach(@case.Model.Batch(99))).Message, StringComparison.Ordinal);
    }

    private static readonly Lazy<Task<byte[]>> Whole = new(async () =>
    {
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, "teacher");
        var plan = TeacherLogits.Plan(TrainingCase.Small.Definition, 11, 2, 1);
        using var store = TrainingCase.Small.CreateStore(plan);
        using var device = new CpuDevice(threads: 1);
        await using var run = plan.Start(store, device);
        await TeacherLogits.WriteAsync(run, [TrainingCase.Small.Model.Batch()], path, 2, 1);
        return await File.ReadAllBytesAsync(path);
    });

    private static async Task<byte[]> WholeAsync() => [.. await Whole.Value];

    private static int Count(TrainingCase @case, PositiveInt count) => 1 + (count.Get % (@case.Model.Vocabulary - 1));

    private static ModelCase Teacher(TrainingCase @case) => @case.Model with { Seed = @case.Model.Seed + 1, Layers = @case.Model.Layers + 1 };

    private static Host.Store.ParameterStore TeacherStore(TrainingCase @case, TrainingPlan plan, ModelCase? teacher = null)
    {
        var model = teacher ?? Teacher(@case);
        var store = TrainingPlan.For(ModelFamilies.Define(model.Config)).Freeze(_ => true).CreateStore(Host.Store.StorePrecision.Fp32);
        StoreValues.Write(store, model.Parameters());
        return store;
    }

    private static async Task<(IReadOnlyList<StepReport> Reports, Dictionary<string, float[]> Parameters)> TrainAsync(
        TrainingCase @case, DistillationObjective objective, IReadOnlyList<IReadOnlyList<MicroBatch>> steps, bool stored = false, ModelCase? teacher = null)
    {
        var model = ModelFamilies.Define((teacher ?? Teacher(@case)).Config);
        var plan = stored ? @case.Plan().WithObjective(objective) : @case.Plan().WithTeacher(model, objective);
        using var store = @case.CreateStore(plan);
        using var other = TeacherStore(@case, plan, teacher);
        using var device = new CpuDevice(threads: 1);
        var reports = new List<StepReport>();
        var run = stored ? plan.Start(store, device) : plan.Start(store, device, null, other);
        await using (run)
        {
            await foreach (var report in run.StepsAsync(steps, ahead: 1)) reports.Add(report);
        }

        Leaks.RequireNoLease(run);
        return (reports, StoreValues.Read(store));
    }

    private static async Task AssertAsync(TrainingCase @case, DistillationObjective objective)
    {
        @case = @case with { Bf16 = false };
        IReadOnlyList<IReadOnlyList<MicroBatch>> steps = [.. @case.Batches()];
        var teacher = Teacher(@case);
        using var wise = new DenseTrainer(teacher.Config, teacher.Parameters(), new DenseOptions { Type = float64 });
        using var dense = new DenseTrainer(@case.Model.Config, @case.Model.Parameters(), new DenseOptions
        {
            Type = float64,
            Epsilon = 1e-4,
            MaxGradNorm = @case.Clip ? 0.5 : null,
            LossSum = (logits, batch) =>
            {
                var said = tensor(wise.Logits(batch.InputIds, batch.Positions, batch.Documents, batch.Rows, batch.SequenceLength)).to(float64).view(-1, teacher.Vocabulary);
                var places = tensor(batch.LabelledPlaces);
                var (t, s) = (objective.Temperature, logits.view(-1, logits.shape[^1]).index_select(0, places));
                var labels = tensor(batch.LabelledPlaces.Select(place => batch.Targets[place]).ToArray()).unsqueeze(1);
                var (p, q) = (said.index_select(0, places).Over(t).softmax(-1), s.Over(t).softmax(-1));
                if (objective.TopK is { } count)
                {
                    var (_, ids) = p.topk(count, -1);
                    Tensor Parts(Tensor x) => cat([x.gather(1, ids), x.gather(1, ids).sum(-1, keepdim: true).SubtractedFrom(1.0)], 1);
                    (p, q) = (Parts(p), Parts(q));
                }

                var (a, b) = objective.Divergence == Divergence.Forward ? (p, q) : (q, p);
                var divergence = (a * (a.log() - b.log())).sum();
                return divergence.Times((1 - objective.CrossEntropyWeight) * t * t) - s.softmax(-1).gather(1, labels).log().sum().Times(objective.CrossEntropyWeight);
            },
        });
        var (reports, parameters) = await TrainAsync(@case, objective, steps);
        for (var step = 0; step < steps.Count; step++)
        {
            var expected = dense.Step(steps[step]).Loss;
            Assert.True(Math.Abs(expected - reports[step].Loss) <= 1e-6 * Math.Max(1, Math.Abs(expected)), $"step {step + 1}: loss {reports[step].Loss:R}, the dense model's is {expected:R}");
        }

        Numbers.AssertClose(dense.Parameters, parameters, 1e-5);
    }
}
