namespace Horizon.Flow.Testing;

/// <summary>A use of a buffer by a stream, at the stream's own time.</summary>
/// <param name="Stream">Who.</param>
/// <param name="Time">The number of the copy; for the computation, of the fence that is recorded next.</param>
/// <param name="Does">What, in words.</param>
internal sealed record Access(StreamKind Stream, long Time, string Does)
{
    public override string ToString() => Stream switch
    {
        StreamKind.Upload => $"upload {Time} {Does} it",
        StreamKind.Download => $"download {Time} {Does} it",
        _ => $"the computation before its fence {Time} {Does} it",
    };
}
