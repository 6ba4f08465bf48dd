using Horizon.Flow;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.ModelFolders;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;

namespace Horizon.Examples;

/// <summary>
/// An exponential moving average of the weights (Polyak and Juditsky 1992; with this decay as in Kingma and Ba 2015, section 7.2): often a
/// better model than the last step's. Host memory holds it beside the store, 4 bytes a parameter. A unit's average takes its new weights in as
/// soon as they are updated, beside the backward pass of the units below.
/// </summary>
public sealed class AveragedWeights : IDisposable
{
    private readonly double _decay;

    /// <summary>Begins with the store's weights as they are.</summary>
    /// <param name="store">What is trained.</param>
    /// <param name="decay">The part of the average that a step leaves.</param>
    public AveragedWeights(ParameterStore store, double decay)
    {
        ArgumentNullException.ThrowIfNull(store);
        _decay = decay;
        Units = [.. store.Units.Select(unit => new UnitState(unit.Layout, StorePrecision.Fp32, []))];
        foreach (var (unit, average) in store.Units.Zip(Units))
        {
            var values = new float[unit.Layout.ElementCount];
            unit.ReadMasters(0, values);
            average.WriteMasters(0, values);
        }
    }

    /// <summary>The averages, unit by unit, in fp32.</summary>
    public IReadOnlyList<UnitState> Units { get; }

    // <snippet>
    /// <summary>The plan that keeps the average. Before commit: what the next step may change is no longer read.</summary>
    public TrainingPlan Plan(TrainingPlan plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        return plan.At(Stages.Update).InsertAfter("average", (run, updated) =>
        {
            if (updated.Verdict.SkipReason is null) Take(run.Store.Units[updated.Visit.Unit], Units[updated.Visit.Unit], run.Workers);
            return updated;
        });
    }

    /// <summary>Writes the averages as a Hugging Face folder.</summary>
    /// <param name="folder">Created where needed.</param>
    /// <param name="type">Of the weights in the file.</param>
    /// <param name="description">Other files of the folder, such as config.json.</param>
    public Task ExportAsync(string folder, ElementType type, IReadOnlyDictionary<string, ReadOnlyMemory<byte>> description) =>
        ModelExporter.ExportAsync(folder, Units, new ModelExportOptions { ElementType = type, Description = description });
    // </snippet>

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var unit in Units) unit.Dispose();
    }

    private void Take(UnitState unit, UnitState average, HostWorkers workers) => workers.Sweep(unit.Layout.ElementCount, (_, first, count) =>
    {
        Span<float> weights = new float[count], mean = new float[count];
        unit.ReadMasters(first, weights);
        average.ReadMasters(first, mean);
        for (var i = 0; i < count; i++) mean[i] = (float)((_decay * mean[i]) + ((1 - _decay) * weights[i]));
        average.WriteMasters(first, mean);
    });
}
