namespace Horizon.Flow.Accounting;

/// <summary>Gradients that no optimizer saw.</summary>
/// <param name="Loss">The mean over the labelled tokens, in nats: what they are the gradients of.</param>
/// <param name="ByUnit">[units], each as long as the unit's flat buffer; null for a unit that the program gives none for, such as a frozen one.</param>
public sealed record GradientResult(double Loss, IReadOnlyList<float[]?> ByUnit)
{
    /// <summary>Their common L2 norm.</summary>
    public double Norm => Math.Sqrt(ByUnit.Sum(unit => unit?.Sum(value => (double)value * value) ?? 0));
}
