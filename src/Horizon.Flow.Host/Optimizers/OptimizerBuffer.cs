namespace Horizon.Flow.Host.Optimizers;

/// <summary>One buffer of state that an optimizer keeps beside a unit's weights.</summary>
/// <param name="Name">Its name in checkpoints, such as <c>exp_avg</c>.</param>
/// <param name="ByteLength">Its size.</param>
public sealed record OptimizerBuffer(string Name, long ByteLength);
