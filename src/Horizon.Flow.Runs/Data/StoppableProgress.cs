using Horizon.Flow.Text.Tokens;

namespace Horizon.Flow.Runs.Data;

/// <summary>Passes on how far the reading is, and ends it when it is asked to.</summary>
internal sealed class StoppableProgress(IProgress<DataProgress>? inner, CancellationToken stop) : IProgress<DataProgress>
{
    /// <exception cref="OperationCanceledException">The reading is to end.</exception>
    public void Report(DataProgress value)
    {
        stop.ThrowIfCancellationRequested();
        inner?.Report(value);
    }
}
