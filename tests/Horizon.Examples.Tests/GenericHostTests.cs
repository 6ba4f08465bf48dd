using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Horizon.Flow;
using Horizon.Flow.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Horizon.Examples.Tests;

/// <summary>Listens to every run of the process.</summary>
[Collection(nameof(Alone))]
public class GenericHostTests
{
    private const int Steps = 10;

    private static TrainingPlan Plan => TrainingPlan.For(Tiny.Model, Tiny.Options);

    [Fact]
    public async Task Create_APlanChangedHalfWay_KeepsTheOptimizersState()
    {
        using var store = Tiny.CreateStore(Plan);
        using var device = Tiny.CreateDevice();
        var output = new StringWriter();
        var (losses, steps, tokens) = await RunAsync(new TrainingJob(store, device, GenericHostExample.Phases(Plan, Steps), GenericHostExample.Data(Steps)), output);

        var whole = await Outcome.OfAsync(Plan.With(options => options with { LearningRate = step => options.LearningRate(step) / (step > Steps / 2 ? 2 : 1) }), Steps);
        Assert.Equal(whole.Reports.Select(report => report.Loss), losses);
        Assert.All(whole.Parameters.Zip(Outcome.Read(store)), pair => Assert.Equal(pair.First, pair.Second));
        Assert.Equal(Steps, steps);
        Assert.Equal(whole.Reports.Sum(report => report.Tokens), tokens);
        Assert.Contains($"step {Steps}: loss {whole.LastLoss:F4}", output.ToString(), StringComparison.Ordinal);
        Assert.Contains($"stands at step {Steps} of {Steps}", output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Create_AHostThatIsStopped_EndsAtAStepBoundaryAndGoesOnLater()
    {
        using var store = Tiny.CreateStore(Plan);
        using var device = Tiny.CreateDevice();
        var job = new TrainingJob(store, device, GenericHostExample.Phases(Plan, Steps), GenericHostExample.Data(Steps));
        var output = new StringWriter();
        var first = await RunAsync(job, output, stopAfter: 3);
        Assert.InRange(store.Step, 3, 4); // the step that was under way is finished
        Assert.Equal(store.Step, first.Steps);
        Assert.Null(store.Damage);
        Assert.Contains($"stands at step {store.Step} of {Steps}", output.ToString(), StringComparison.Ordinal);

        var second = await RunAsync(job, TextWriter.Null);
        using var undisturbed = Tiny.CreateStore(Plan);
        var whole = await RunAsync(job with { Store = undisturbed }, TextWriter.Null);
        Assert.Equal(whole.Losses, first.Losses.Concat(second.Losses));
        Assert.All(Outcome.Read(undisturbed).Zip(Outcome.Read(store)), pair => Assert.Equal(pair.First, pair.Second));
    }

    [Fact]
    public async Task Create_AJobThatFails_StopsTheHostAndSaysWhy()
    {
        using var store = Tiny.CreateStore(Plan);
        using var device = Tiny.CreateDevice();
        var broken = Plan.At(Stages.Accumulate).InsertAfter("break", _ => throw new InvalidOperationException("broken on purpose"));
        var output = new StringWriter();
        await RunAsync(new TrainingJob(store, device, [(broken, Steps)], GenericHostExample.Data(Steps)), output);
        Assert.Contains("broken on purpose", output.ToString(), StringComparison.Ordinal);
        Assert.Equal(0, store.Step);
    }

    private static async Task<(IReadOnlyList<double> Losses, long Steps, long Tokens)> RunAsync(TrainingJob job, TextWriter output, int stopAfter = int.MaxValue)
    {
        using var host = GenericHostExample.Create(job, output);
        var (losses, steps, tokens) = (new ConcurrentQueue<double>(), 0L, 0L);
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, self) =>
            {
                if (instrument.Meter.Name == TrainingTelemetry.Name) self.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<double>((instrument, value, _, _) =>
        {
            if (instrument.Name == TrainingTelemetry.Loss) losses.Enqueue(value);
            if (instrument.Name != TrainingTelemetry.StepDuration) return;
            steps++;
            if (steps == stopAfter) host.Services.GetRequiredService<IHostApplicationLifetime>().StopApplication();
        });
        listener.SetMeasurementEventCallback<long>((instrument, value, _, _) =>
        {
            if (instrument.Name == TrainingTelemetry.Tokens) tokens += value;
        });
        listener.Start();
        await host.RunAsync();
        return ([.. losses], steps, tokens);
    }
}
