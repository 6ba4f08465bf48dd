namespace Horizon.Flow.Blocks;

/// <summary>The clip factor.</summary>
public static class ClipMath
{
    /// <summary>
    /// min(1, maximum / (norm + 1e-6)), as torch.nn.utils.clip_grad_norm_ has it.
    /// </summary>
    public static float Scale(double norm, double maximum) => (float)Math.Min(1.0, maximum / (norm + 1e-6));
}
