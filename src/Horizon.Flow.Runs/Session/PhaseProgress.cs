using Horizon.Flow.Text.Tokens;

namespace Horizon.Flow.Runs.Session;

/// <summary>How far something is that a run does beside its steps and that may take longer than a second.</summary>
/// <param name="Doing">What, as in "loading the weights".</param>
/// <param name="DoneBytes">How much of it is done.</param>
/// <param name="TotalBytes">How much there is to do; 0 where it is not known.</param>
public sealed record PhaseProgress(string Doing, long DoneBytes = 0, long TotalBytes = 0)
{
    /// <summary>What else there is to say; empty for nothing.</summary>
    public string Detail { get; init; } = "";

    /// <summary>The reading of data.</summary>
    public static PhaseProgress Of(DataProgress data)
    {
        ArgumentNullException.ThrowIfNull(data);
        return new("reading the data", data.BytesRead, data.TotalBytes) { Detail = FormattableString.Invariant($"{data.Documents:N0} documents, {data.Tokens:N0} tokens") };
    }
}
