namespace Horizon.Flow.Runs.Sections;

/// <summary>The <c>pipeline</c> section: how far the blocks of the graph may run ahead of each other.</summary>
public sealed record PipelineSection
{
    /// <summary>Units that fit into device memory at once.</summary>
    /// <value>Default 2 buffers of the largest unit: one in hand, one on its way in.</value>
    public int DeviceBuffers { get; init; } = 2;

    /// <summary>Page-locked host buffers for gradients on their way to the optimizer. Without clipping, more of them let updates be further behind backward, and be done beside the next forward.</summary>
    /// <value>Default 4 buffers of the largest unit, or one of its own size a unit where that takes no more.</value>
    public int GradientSlabs { get; init; } = 4;

    /// <summary>
    /// What becomes of the layers' activations between forward and backward: <c>recompute</c>, <c>keep</c> (nothing is computed twice),
    /// <c>keep_narrow</c> (gate and up alone are computed twice), <c>offload</c> (inputs wait in host memory), or <c>auto</c>: the fastest of these, layer by layer, that fits.
    /// </summary>
    /// <value>Default <c>auto</c>.</value>
    /// <remarks>The results are the same to the last bit.</remarks>
    public string Activations { get; init; } = "auto";

    /// <summary>
    /// Whether weights are updated before their optimizer's state where gradients are clipped, so that the next forward waits for less: <c>always</c>, <c>never</c>, or <c>auto</c>: on a GPU, for as
    /// much of the model as head and backward leave time for the rest.
    /// </summary>
    /// <value>Default <c>auto</c>.</value>
    /// <remarks>The results are the same to the last bit. An optimizer whose state needs the weights is updated in one; <c>always</c> refuses it.</remarks>
    public string WeightsFirst { get; init; } = "auto";

    /// <summary>Copies of units that may wait for the disk while a checkpoint is written.</summary>
    /// <value>Default 2 buffers of the largest unit with its optimizer state; taken only where <c>checkpoint.every_steps</c> asks for checkpoints.</value>
    /// <remarks>An update that would overtake the writer copies its unit; where no buffer is free it waits for the disk, and the run says so.</remarks>
    public int CheckpointBuffers { get; init; } = 2;

    /// <summary>What carries collectives between ranks: <c>auto</c> is NCCL on GPUs and the ranks' own connections on CPUs; <c>mpi</c> is the library of the mpirun that started CPU ranks.</summary>
    /// <value>Default <c>auto</c>.</value>
    public string Collectives { get; init; } = "auto";

    /// <summary>Whether a rank keeps to the cores of its GPU's NUMA node, and so its memory to the node's own.</summary>
    /// <value>Default true; nothing happens where a machine has one node, or the launcher has chosen the cores.</value>
    public bool NumaBinding { get; init; } = true;
}
