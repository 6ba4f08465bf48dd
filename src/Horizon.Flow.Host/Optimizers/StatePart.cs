namespace Horizon.Flow.Host.Optimizers;

/// <summary><see cref="UpdateParts.State"/>.</summary>
internal readonly struct StatePart : IUpdatePart
{
    /// <inheritdoc/>
    public static bool Weights => false;

    /// <inheritdoc/>
    public static bool State => true;
}
