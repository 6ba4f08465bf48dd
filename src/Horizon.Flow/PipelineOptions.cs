namespace Horizon.Flow;

/// <summary>The bounds of the default graph. More of anything overlaps more and takes more memory; the results never change.</summary>
public sealed record PipelineOptions
{
    /// <summary>Device buffers for weights: 2 = one in use, one on its way up.</summary>
    /// <value>2.</value>
    public int DeviceBuffers { get; init; } = 2;

    /// <summary>Device buffers for gradients: 2 = one being written, one on its way down.</summary>
    /// <value>2.</value>
    public int GradientBuffers { get; init; } = 2;

    /// <summary>
    /// Page-locked host buffers that gradients come down into. Where all gradients are needed at once, or that takes no more, one a unit is used instead. Without clipping as many updates, but for two,
    /// may be behind backward, and are done beside the next forward.
    /// </summary>
    /// <value>4.</value>
    public int GradientSlabs { get; init; } = 4;

    /// <summary>Device buffers for inputs that come back from host memory: 2 = one in use, one on its way up. Only where layers are offloaded.</summary>
    /// <value>2.</value>
    public int ReturnBuffers { get; init; } = 2;

    /// <summary>
    /// The share of the parameters, from the first unit on, whose weights are updated before their optimizer's state (<see cref="Blocks.LateState"/>): 0 to 1. The next step's forward
    /// waits for fewer bytes so, and the rest is read once more beside head and backward; see <see cref="TrainingPlan.WeightsFirst"/> for where it applies.
    /// </summary>
    /// <value>0: weights and state are updated in one sweep.</value>
    public double WeightsFirst { get; init; }

    /// <summary>Units that may be requested ahead of their upload.</summary>
    /// <value>2.</value>
    public int FetchAhead { get; init; } = 2;

    /// <summary>Messages that each of the other stages may hold.</summary>
    /// <value>2.</value>
    public int StageCapacity { get; init; } = 2;
}
