namespace Horizon.Flow.Models.Dense;

/// <summary>Where keys and values that several layers use stand in what goes from layer to layer: rotated keys of all heads, then values.</summary>
/// <param name="Place">The first channel.</param>
/// <param name="Width">Channels of both.</param>
/// <param name="AreOwn">Whether the layer computes them; otherwise it has no matrices for them and reads what is there.</param>
internal readonly record struct SharedKeys(int Place, int Width, bool AreOwn);
