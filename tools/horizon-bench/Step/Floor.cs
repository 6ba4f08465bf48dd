namespace Horizon.Flow.Bench;

/// <summary>The least time of a step by each resource, from rates measured in the same run.</summary>
/// <param name="Compute">Seconds of matrix products and attention, every layer recomputed once.</param>
/// <param name="ComputeWithoutRecompute">The same if everything were kept.</param>
/// <param name="Upload">Bytes up / rate.</param>
/// <param name="Download">Bytes down / rate.</param>
/// <param name="Update">Parameters / the optimizer's rate.</param>
/// <param name="LayerForward">Seconds of one layer's forward: what keeping the layer saves.</param>
/// <param name="Wide">Of these its products of gate and up, which a layer that keeps what is narrow computes again.</param>
/// <param name="Hidden">Seconds of the forward beside which a clipped step's update may run: that of the first micro-batch, without its head. Null where nothing clips.</param>
internal sealed record Floor(double Compute, double ComputeWithoutRecompute, double Upload, double Download, double Update, double LayerForward, double Wide, double? Hidden)
{
    public double Seconds => Of(Compute);

    public string Binding => Seconds == Compute ? "compute" : Seconds == Update ? "update" : Seconds == Upload ? "upload" : Seconds == Download ? "download" : "clipping";

    /// <summary>The floor of a step that does not recompute some layers, and of others only what is wide.</summary>
    public double WithKept(int layers, int narrow) => Of(Compute - (layers * LayerForward) - (narrow * (LayerForward - Wide)));

    // The norm of all gradients is known when backward has ended, so that updates run beside the next forward alone.
    private double Of(double compute) => new[] { compute, Update, Upload, Download, Hidden is { } forward ? Update + Math.Max(0, compute - forward) : 0 }.Max();
}
