namespace Horizon.Flow.Host.Optimizers;

/// <summary><see cref="UpdateParts.All"/>.</summary>
internal readonly struct WholeUpdate : IUpdatePart
{
    /// <inheritdoc/>
    public static bool Weights => true;

    /// <inheritdoc/>
    public static bool State => true;
}
