using Horizon.Flow.Host.Numerics;

namespace Horizon.Flow.Host.Optimizers;

/// <summary>Update rules by the names that configurations and checkpoints use.</summary>
public static class OptimizerFactory
{
    private static readonly Dictionary<string, Func<OptimizerOptions, VectorPath, IHostOptimizer>> _rules = new(StringComparer.Ordinal)
    {
        ["adafactor"] = (options, path) => new Adafactor(options) { Path = path },
        ["adamw"] = (options, path) => new AdamW(options) { Path = path },
        ["adamw8bit"] = (options, path) => new AdamW8Bit(options) { Path = path },
        ["lion"] = (options, path) => new Lion(options) { Path = path },
        ["sgd"] = Sgd.Create,
    };

    /// <summary>The names that <see cref="Create(string, OptimizerOptions?)"/> knows.</summary>
    public static IReadOnlyCollection<string> Names => _rules.Keys;

    /// <summary>Creates the update rule of this name.</summary>
    /// <exception cref="HorizonException">No rule has this name, or a setting is out of its range.</exception>
    public static IHostOptimizer Create(string name, OptimizerOptions? options = null) => Create(name, options, VectorPaths.Best);

    /// <summary>The same on given instructions.</summary>
    internal static IHostOptimizer Create(string name, OptimizerOptions? options, VectorPath path)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (!_rules.TryGetValue(name, out var rule))
            throw new HorizonException($"optimizer.name: there is no optimizer '{name}'; choose one of {string.Join(", ", Names)}");
        return rule(options ?? new(), path);
    }
}
