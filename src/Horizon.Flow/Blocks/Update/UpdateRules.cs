using Horizon.Flow.Host.Optimizers;

namespace Horizon.Flow.Blocks;

/// <summary>All update rules by the names that configurations use: those of the host, and <c>muon</c>, which needs a device too.</summary>
public static class UpdateRules
{
    /// <summary>The names that <see cref="Create"/> knows.</summary>
    public static IReadOnlyCollection<string> Names { get; } = [.. OptimizerFactory.Names.Append(Muon.RuleName).Order(StringComparer.Ordinal)];

    /// <summary>Creates the update rule of this name.</summary>
    /// <exception cref="HorizonException">No rule has this name, or a setting is out of its range.</exception>
    public static IHostOptimizer Create(string name, OptimizerOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (name == Muon.RuleName) return new Muon(options);
        return OptimizerFactory.Names.Contains(name)
            ? OptimizerFactory.Create(name, options)
            : throw new HorizonException($"optimizer.name: there is no optimizer '{name}'; choose one of {string.Join(", ", Names)}");
    }
}
