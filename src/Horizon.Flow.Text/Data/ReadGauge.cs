namespace Horizon.Flow.Text.Data;

/// <summary>Counts the bytes that are read of files.</summary>
internal sealed class ReadGauge
{
    private long _bytes;

    public long Bytes => Interlocked.Read(ref _bytes);

    public void Add(long bytes) => Interlocked.Add(ref _bytes, bytes);
}
