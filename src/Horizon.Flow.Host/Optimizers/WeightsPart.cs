namespace Horizon.Flow.Host.Optimizers;

/// <summary><see cref="UpdateParts.Weights"/>.</summary>
internal readonly struct WeightsPart : IUpdatePart
{
    /// <inheritdoc/>
    public static bool Weights => true;

    /// <inheritdoc/>
    public static bool State => false;
}
