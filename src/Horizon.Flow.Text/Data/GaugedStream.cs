namespace Horizon.Flow.Text.Data;

/// <summary>Reads a stream and counts what is read.</summary>
internal sealed class GaugedStream(Stream inner, ReadGauge gauge) : ReadStream(inner)
{
    protected override void Took(int count) => gauge.Add(count);
}
