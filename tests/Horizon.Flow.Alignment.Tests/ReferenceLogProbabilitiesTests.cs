using FsCheck.Xunit;
using Horizon.Flow.Accounting;
using Horizon.Flow.Alignment.Preferences;
using Horizon.Flow.Devices;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Alignment.Tests;

/// <summary>What is kept of the untouched model.</summary>
[Properties(Arbitrary = [typeof(TrainingCases)])]
public class ReferenceLogProbabilitiesTests
{
    [Cases(15)]
    public async Task Attach_GivesWhatTheRunGives(TrainingCase @case)
    {
        var plan = @case.Plan();
        using var store = @case.CreateStore(plan);
        using var device = new CpuDevice(threads: 1);
        await using var run = plan.Start(store, device);
        var batches = Twos.Steps(@case).SelectMany(step => step).ToList();
        var reference = new ReferenceLogProbabilities();
        Assert.Equal(batches.Count, await reference.AddAsync(run, batches, together: 3));
        Assert.Equal(0, await reference.AddAsync(run, batches));
        var expected = await run.LogProbabilitiesAsync(batches);
        foreach (var (batch, result) in batches.Zip(expected)) Assert.Equal(result.Numbers, reference.Attach(batch).Columns[ReferenceLogProbabilities.Column]);
    }

    /// <summary>A run that goes on in another process has the store as it is by then, and the saved reference: the same bits as one that never stopped.</summary>
    [Cases(10)]
    public async Task Load_AfterHalfTheSteps_GoesOnBitwise(TrainingCase @case)
    {
        @case = @case with { Steps = 4 };
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, "reference");
        var steps = Twos.Steps(@case);
        var whole = await Comparison.TrainAsync(@case, new DpoObjective(), steps);
        var plan = @case.Plan().WithObjective(new DpoObjective());
        using var store = @case.CreateStore(plan);
        using var device = new CpuDevice(threads: 1);
        var reports = new List<StepReport>();
        for (var half = 0; half < 2; half++)
        {
            await using var run = plan.Start(store, device);
            var reference = new ReferenceLogProbabilities();
            if (half == 0)
            {
                await reference.AddAsync(run, steps.SelectMany(step => step), together: 2);
                reference.Save(path);
            }
            else
            {
                reference = ReferenceLogProbabilities.Load(path);
            }

            await foreach (var report in run.StepsAsync(steps.Skip(2 * half).Take(2).Select(step => step.Select(reference.Attach).ToList()))) reports.Add(report);
        }

        Assert.Equal(whole.Reports.Select(report => report.Loss), reports.Select(report => report.Loss));
        var parameters = StoreValues.Read(store);
        Assert.All(whole.Parameters, pair => Assert.Equal(pair.Value, parameters[pair.Key]));
    }

    [Fact]
    public void Attach_Unknown_IsRefused() => Assert.Contains(
        "not known", Assert.Throws<HorizonException>(() => new ReferenceLogProbabilities().Attach(TrainingCase.Small.Model.Batch())).Message, StringComparison.Ordinal);

    [Cases(100)]
    public async Task Load_Damaged_IsRefused(int place, byte other)
    {
        var bytes = await WholeAsync();
        place = (int)((uint)place % bytes.Length);
        if (bytes[place] == other) return;
        bytes[place] = other;
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, "reference");
        await File.WriteAllBytesAsync(path, bytes);
        Assert.Throws<HorizonException>(() => ReferenceLogProbabilities.Load(path));
        await File.WriteAllBytesAsync(path, bytes[..place]);
        Assert.Throws<HorizonException>(() => ReferenceLogProbabilities.Load(path));
    }

    private static readonly Lazy<Task<byte[]>> Whole = new(async () =>
    {
        var plan = TrainingCase.Small.Plan();
        using var store = TrainingCase.Small.CreateStore(plan);
        using var device = new CpuDevice(threads: 1);
        await using var run = plan.Start(store, device);
        var reference = new ReferenceLogProbabilities();
        await reference.AddAsync(run, Twos.Steps(TrainingCase.Small).SelectMany(step => step));
        using var folder = new TemporaryFolder();
        reference.Save(Path.Combine(folder.Path, "reference"));
        return await File.ReadAllBytesAsync(Path.Combine(folder.Path, "reference"));
    });

    private static async Task<byte[]> WholeAsync() => [.. await Whole.Value];
}
