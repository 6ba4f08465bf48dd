namespace Horizon.Flow.Models.Dense;

/// <summary>The heads of a layer that differ from the model's.</summary>
/// <param name="Width">Of a head.</param>
/// <param name="KeyValueHeads">Key and value heads.</param>
/// <param name="KeysAreValues">See <see cref="DenseConfig.KeysAreValues"/>.</param>
internal readonly record struct HeadShape(int Width, int KeyValueHeads, bool KeysAreValues);
