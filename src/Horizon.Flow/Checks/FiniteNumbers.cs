using Horizon.Flow.Host.Store;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Checks;

/// <summary>What the checked templates of one unit look for, and how they say it.</summary>
/// <param name="Unit">The unit; views may have been made for another of its kind, whose names would mislead.</param>
/// <param name="Layer">Index into <see cref="ModelDefinition.Hidden"/>; its count for the head.</param>
internal sealed record FiniteNumbers(UnitLayout Unit, int Layer)
{
    /// <exception cref="HorizonException">A value is not finite.</exception>
    public void Check(Tensor? values, string what, string pass, DeviceBatch batch, ParameterViews? weights = null)
    {
        if (values is null || AllFinite(values)) return;
        using var scope = NewDisposeScope();
        var count = values.isfinite().logical_not().sum().item<long>();
        var cause = weights is null ? ""
            : FirstBad(weights) is { } tensor ? $"; nor is its weight {tensor}, which an earlier step spoiled" : "; its weights are finite";
        throw Found($"{what} is not finite ({count} of {values.numel()} numbers)", pass, batch, cause);
    }

    /// <summary>The same for a result on its way to the caller, disposed if it is refused.</summary>
    /// <exception cref="HorizonException">A value is not finite.</exception>
    public Tensor Checked(Tensor values, string what, string pass, DeviceBatch batch, ParameterViews? weights = null)
    {
        try
        {
            Check(values, what, pass, batch, weights);
            return values;
        }
        catch
        {
            values.Dispose();
            throw;
        }
    }

    /// <summary>Checks every parameter's gradient, and names the first bad one.</summary>
    public void CheckGradients(ParameterViews? gradients, string pass, DeviceBatch batch)
    {
        if (gradients is not null && FirstBad(gradients) is { } tensor) throw Found($"the gradient of {tensor} is not finite", pass, batch, "");
    }

    private HorizonException Found(string what, string pass, DeviceBatch batch, string cause) =>
        new($"{what} in the {pass} pass of unit '{Unit.Name}' (layer {Layer}), micro-batch {batch.Index + 1}{cause}");

    private string? FirstBad(ParameterViews views) =>
        AllFinite(views.Flat) ? null : Unit.Parameters.First(slot => !AllFinite(views[slot.Role])).TensorName;

    private static bool AllFinite(Tensor values)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        return values.isfinite().all().item<bool>();
    }
}
