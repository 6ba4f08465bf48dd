using Microsoft.Extensions.Logging;

namespace Horizon.Flow.Runs.Session;

/// <summary>What a session tells an <see cref="ILogger"/>; the names in braces are those that structured logs keep.</summary>
internal static partial class SessionLog
{
    /// <summary>Tells of anything that happened.</summary>
    public static void Happened(ILogger logger, TrainingEvent happened)
    {
        switch (happened)
        {
            case TrainingEvent.StepEnded { Report: { Skipped: true } report }:
                StepSkipped(logger, report.Step, report.SkipReason ?? "a number was not finite");
                break;
            case TrainingEvent.StepEnded { Report: var report }:
                StepEnded(logger, report.Step, report.Loss, report.GradientNorm, report.LearningRate, report.Tokens, report.TokensPerSecond, report.DeviceBytesPeak, report.HostBytes);
                break;
            case TrainingEvent.Evaluated { Step: var step, Loss: var loss }:
                Evaluated(logger, step, loss);
                break;
            case TrainingEvent.Noticed { Text: var text }:
                Noticed(logger, text);
                break;
        }
    }

    [LoggerMessage(1, LogLevel.Information, "{Phase}")]
    public static partial void PhaseBegan(ILogger logger, string phase);

    [LoggerMessage(2, LogLevel.Information, "training {Description} from step {FirstStep} to {LastStep}")]
    public static partial void Opened(ILogger logger, string description, long firstStep, long? lastStep);

    [LoggerMessage(3, LogLevel.Information, "step {Step}: loss {Loss}, gradient norm {GradientNorm}, learning rate {LearningRate}, {Tokens} tokens, {TokensPerSecond} tokens/s, device {DeviceBytesPeak} bytes, host {HostBytes} bytes")]
    private static partial void StepEnded(
        ILogger logger, long step, double loss, double gradientNorm, double learningRate, long tokens, double tokensPerSecond, long deviceBytesPeak, long hostBytes);

    [LoggerMessage(4, LogLevel.Warning, "step {Step} was skipped: {Reason}")]
    private static partial void StepSkipped(ILogger logger, long step, string reason);

    [LoggerMessage(5, LogLevel.Information, "step {Step}: held-out loss {Loss}")]
    private static partial void Evaluated(ILogger logger, long step, double loss);

    [LoggerMessage(6, LogLevel.Information, "{Notice}")]
    private static partial void Noticed(ILogger logger, string notice);

    [LoggerMessage(7, LogLevel.Information, "model written to {ModelDirectory}")]
    public static partial void Saved(ILogger logger, string modelDirectory);
}
