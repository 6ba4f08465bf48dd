using Horizon.Flow;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Horizon.Examples;

/// <summary>Training as a service of a Generic Host, with another plan from some step on.</summary>
public static class GenericHostExample
{
    /// <summary>Trains within a host until the job is done or the host is told to stop.</summary>
    /// <returns>The step at which the parameters stand.</returns>
    public static async Task<long> RunAsync(TextWriter output, int steps = 20)
    {
        var plan = TrainingPlan.For(Tiny.Model, Tiny.Options);
        using var store = Tiny.CreateStore(plan);
        using var device = Tiny.CreateDevice();
        using var host = Create(new TrainingJob(store, device, Phases(plan, steps), Data(steps)), output);
        await host.RunAsync().ConfigureAwait(false);
        return store.Step;
    }

    // <snippet>
    /// <summary>The host. With OpenTelemetry, <c>AddMeter(TrainingTelemetry.Name)</c> and <c>AddSource(TrainingTelemetry.Name)</c> take what every run tells.</summary>
    public static IHost Create(TrainingJob job, TextWriter output)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new());
        builder.Logging.AddProvider(new TextLog(output));
        builder.Services.AddSingleton(job).AddHostedService<TrainingService>();
        return builder.Build();
    }

    /// <summary>The plan, and from half way another one made of it: half the learning rate, other bounds. Moments and counts stay in the store.</summary>
    public static IReadOnlyList<(TrainingPlan Plan, long LastStep)> Phases(TrainingPlan plan, int steps)
    {
        ArgumentNullException.ThrowIfNull(plan);
        var changed = plan.With(options => options with { LearningRate = step => options.LearningRate(step) / 2, RecomputeInterval = 2, Pipeline = options.Pipeline with { DeviceBuffers = 3 } });
        return [(plan, steps / 2), (changed, steps)];
    }
    // </snippet>

    /// <summary>The tiny data, from any step on.</summary>
    public static Func<long, IEnumerable<IReadOnlyList<MicroBatch>>> Data(int steps) => done => Tiny.Steps(steps).Skip((int)done);
}
