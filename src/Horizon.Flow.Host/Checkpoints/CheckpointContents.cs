using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Safetensors;
using Horizon.Flow.Host.Store;

namespace Horizon.Flow.Host.Checkpoints;

/// <summary>What kind of state a checkpoint holds, without the numbers themselves: a run resumes from one of its own kind only.</summary>
/// <param name="Architecture">The model's architecture.</param>
/// <param name="Precision">How the store keeps parameters.</param>
/// <param name="Optimizer">The update rule's name.</param>
/// <param name="Units">The units, in the model's order.</param>
public sealed record CheckpointContents(string Architecture, StorePrecision Precision, string Optimizer, IReadOnlyList<UnitContents> Units)
{
    /// <summary>The update rule's <see cref="IHostOptimizer.StateSettings"/>; null in checkpoints of format 1, which did not keep them.</summary>
    public IReadOnlyDictionary<string, string>? OptimizerSettings { get; init; }

    /// <summary>What there is to save of a store.</summary>
    public static CheckpointContents Of(string architecture, ParameterStore store, IHostOptimizer optimizer)
    {
        ArgumentNullException.ThrowIfNull(store);
        ArgumentNullException.ThrowIfNull(optimizer);
        return new(architecture, store.Precision, optimizer.Name, [.. store.Units.Select((unit, i) => UnitContents.Of(unit, store.IsTrainable(i), optimizer))])
        {
            OptimizerSettings = optimizer.StateSettings,
        };
    }

    /// <summary>What there would be to save of a store if it had the whole units instead of slices of them.</summary>
    /// <param name="architecture">The model's architecture.</param>
    /// <param name="store">A store of slices.</param>
    /// <param name="optimizer">The update rule.</param>
    /// <param name="wholes">[units]: their whole layouts.</param>
    public static CheckpointContents OfWhole(string architecture, ParameterStore store, IHostOptimizer optimizer, IReadOnlyList<UnitLayout> wholes)
    {
        ArgumentNullException.ThrowIfNull(wholes);
        var slices = Of(architecture, store, optimizer);
        return slices with { Units = [.. slices.Units.Select((unit, i) => unit.InWhole(wholes[i], store.Precision, optimizer))] };
    }

    /// <summary>All differences between a checkpoint's contents and these, which a run wants; a few words each, empty if there are none.</summary>
    public IReadOnlyList<string> DifferencesFrom(CheckpointContents saved)
    {
        ArgumentNullException.ThrowIfNull(saved);
        var differences = new List<string>();
        void Compare(string what, string mine, string theirs)
        {
            if (mine != theirs) differences.Add($"{what} is {theirs.Shown()} there, {mine.Shown()} here");
        }

        Compare("the architecture", Architecture, saved.Architecture);
        Compare("the precision", Precision.ToString(), saved.Precision.ToString());
        Compare("the optimizer", Optimizer, saved.Optimizer);
        if (Optimizer == saved.Optimizer && OptimizerSettings is not null && saved.OptimizerSettings is not null)
        {
            foreach (var name in OptimizerSettings.Keys.Union(saved.OptimizerSettings.Keys).Order(StringComparer.Ordinal))
                Compare($"the optimizer's {name}", OptimizerSettings.GetValueOrDefault(name, "not set"), saved.OptimizerSettings.GetValueOrDefault(name, "not set"));
        }

        Compare("the number of units", $"{Units.Count}", $"{saved.Units.Count}");
        var sameKind = differences.Count == 0;
        foreach (var (mine, theirs) in Units.Zip(saved.Units))
        {
            Compare("a unit's name", mine.Name, theirs.Name);
            Compare($"unit '{mine.Name}'", mine.IsTrained ? "trained" : "frozen", theirs.IsTrained ? "trained" : "frozen");
            var before = differences.Count;
            Compare($"the number of parameters of unit '{mine.Name}'", $"{mine.Parameters.Count}", $"{theirs.Parameters.Count}");
            foreach (var (one, other) in mine.Parameters.Zip(theirs.Parameters)) Compare($"a parameter of unit '{mine.Name}'", Describe(one), Describe(other));
            // Buffers follow from all the rest; on their own they differ where the optimizer's settings do.
            if (sameKind && before == differences.Count && mine.IsTrained == theirs.IsTrained)
                Compare($"the state of unit '{mine.Name}'", string.Join(", ", mine.WithStateAs(theirs).Buffers), string.Join(", ", theirs.Buffers));
        }

        return differences;
    }

    private static string Describe(ParameterContents parameter) => $"{parameter.Name} {parameter.Shape.Shown()}";
}
