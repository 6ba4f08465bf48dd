namespace Horizon.Flow.Bench;

/// <summary>The least time of a step by each resource, from rates measured in the same run.</summary>
/// <param name="Compute">Seconds of matrix products and attention, every layer recomputed once.</param>
/// <param name="ComputeWithoutRecompute">The same if everything were kept.</param>
/// <param name="Upload">Bytes up / rate.</param>
/// <param name="Download">Bytes down / rate.</param>
/// <param name="Update">Parameters / the optimizer's rate.</param>
/// <param name="LayerForward">Seconds of one layer's forward: what keeping the layer saves.</param>
internal sealed record Floor(double Compute, double ComputeWithoutRecompute, double Upload, double Download, double Update, double LayerForward)
{
    /// <summary>The floor of a step that does not recompute some layers.</summary>
    public double WithKept(int layers) => Math.Max(Math.Max(Compute - (layers * LayerForward), Update), Math.Max(Upload, Download));

    public double Seconds => Math.Max(Math.Max(Compute, Update), Math.Max(Upload, Download));

    public string Binding => Seconds == Compute ? "compute" : Seconds == Update ? "update" : Seconds == Upload ? "upload" : "download";
}
