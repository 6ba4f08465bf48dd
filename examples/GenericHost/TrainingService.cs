using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Horizon.Examples;

/// <summary>Trains within a host: logs, and stops at a step boundary when the host does (Ctrl-C, SIGTERM, another service).</summary>
public sealed partial class TrainingService(TrainingJob job, ILogger<TrainingService> logger, IHostApplicationLifetime host) : BackgroundService
{
    // <snippet>
    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, host.ApplicationStopping);
        foreach (var (plan, lastStep) in job.Phases)
        {
            var missing = (int)(lastStep - job.Store.Step);
            if (missing <= 0) continue;
            LogPhase(job.Store.Step + 1, lastStep, plan.Model.ParameterCount, job.Device.Name);
            await using var run = plan.Start(job.Store, job.Device);
            await foreach (var report in run.StepsAsync(job.Data(job.Store.Step).Take(missing), ahead: 1, stop.Token).ConfigureAwait(false))
            {
                if (report.SkipReason is { } reason) LogSkipped(report.Step, reason);
                else LogStep(report.Step, report.Loss, report.TokensPerSecond);
            }

            if (stop.IsCancellationRequested) break;
        }

        LogEnd(job.Store.Step, job.Phases[^1].LastStep);
        host.StopApplication();
    }
    // </snippet>

    [LoggerMessage(LogLevel.Information, "steps {First} to {Last} of {Parameters} parameters on {Device}")]
    private partial void LogPhase(long first, long last, long parameters, string device);

    [LoggerMessage(LogLevel.Information, "step {Step}: loss {Loss:F4}, {TokensPerSecond:F0} tokens/s")]
    private partial void LogStep(long step, double loss, double tokensPerSecond);

    [LoggerMessage(LogLevel.Warning, "step {Step} was skipped: {Reason}")]
    private partial void LogSkipped(long step, string reason);

    [LoggerMessage(LogLevel.Information, "stands at step {Step} of {Last}")]
    private partial void LogEnd(long step, long last);
}
