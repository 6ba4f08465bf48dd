using Horizon.Flow.Units;

namespace Horizon.Flow.Checks;

/// <summary>A model whose units are looked at as they compute, to find where numbers go wrong.</summary>
public static class OutputChecks
{
    /// <summary>
    /// The same model; but the first output or gradient that is not finite ends the run with a <see cref="HorizonException"/> that names
    /// the unit, the layer, the pass and the micro-batch. The numbers are the same to the last bit. Slow: the host waits for each unit.
    /// </summary>
    public static ModelDefinition WithCheckedOutputs(this ModelDefinition model)
    {
        ArgumentNullException.ThrowIfNull(model);
        FiniteNumbers Numbers(int unit, int layer) => new(model.Units[unit], layer);
        return model with
        {
            Hidden = [.. model.Hidden.Select((binding, layer) => binding with { Template = new CheckedTemplate(binding.Template, Numbers(binding.Unit, layer)) })],
            Head = model.Head with { Template = new CheckedHead(model.Head.Template, Numbers(model.Head.Unit, model.Hidden.Count)) },
        };
    }
}
