using Horizon.Flow.Host.ModelFolders;
using Horizon.Flow.Text.Tokens;
using Microsoft.Extensions.Logging;

namespace Horizon.Flow.Runs.Session;

/// <summary>Tells of a session's start, phase after phase: each phase to the log once, each report to the progress.</summary>
internal sealed class SessionProgress(IProgress<PhaseProgress>? inner, ILogger logger) : IProgress<DataProgress>, IProgress<LoadProgress>
{
    private string _phase = "";

    public void Report(PhaseProgress value)
    {
        if (_phase != value.Doing) SessionLog.PhaseBegan(logger, _phase = value.Doing);
        inner?.Report(value);
    }

    public void Report(DataProgress value) => Report(PhaseProgress.Of(value));

    public void Report(LoadProgress value) => Report(new PhaseProgress("loading the weights", value.BytesRead, value.TotalBytes));
}
