namespace Horizon.Flow.Testing;

/// <summary>How far each stream is known to have come: the logical time of a fence, or of what a stream has waited for.</summary>
internal readonly record struct Clock(long Upload, long Download, long Compute)
{
    public Clock Join(Clock other) => new(Math.Max(Upload, other.Upload), Math.Max(Download, other.Download), Math.Max(Compute, other.Compute));

    public bool Covers(Access access) => access.Time <= access.Stream switch
    {
        StreamKind.Upload => Upload,
        StreamKind.Download => Download,
        _ => Compute,
    };
}
