namespace Horizon.Flow.Configuration;

/// <summary>The <c>pipeline</c> section: how far the blocks of the graph may run ahead of each other.</summary>
public sealed record PipelineSection
{
    /// <summary>Units that fit into device memory at once.</summary>
    /// <value>Default 2 buffers of the largest unit: one in hand, one on its way in.</value>
    public int DeviceBuffers { get; init; } = 2;

    /// <summary>Page-locked host buffers for gradients on their way to the optimizer.</summary>
    /// <value>Default 4 buffers of the largest unit.</value>
    public int GradientSlabs { get; init; } = 4;
}
