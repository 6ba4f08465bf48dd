namespace Horizon.Flow.Testing;

/// <summary>The streams of a device.</summary>
internal enum StreamKind
{
    Upload,
    Download,
    Compute,
}
