using System.Collections.Immutable;
using Horizon.Flow.Program;

namespace Horizon.Flow.Distributed;

/// <summary>From a program on one rank to the program of each of several.</summary>
internal sealed class RankProgram
{
    private readonly StepProgram _program;
    private readonly int _prefetch;
    private readonly List<ProgramValue> _values;
    private readonly List<ProgramVisit> _visits = [];
    private readonly Dictionary<int, int> _wholes = [];
    private readonly List<ProgramVisit> _loads;
    private int _gathered;

    private RankProgram(StepProgram program, int prefetch)
    {
        (_program, _prefetch) = (program, prefetch);
        _values = [.. program.Values];
        _loads = [.. program.Visits.Where(visit => visit.Loads)];
        foreach (var load in _loads)
            _wholes.Add(load.Weights!.Value, Add($"whole {_values[load.Weights.Value].Name}", RankPools.WholeWeightsName));
    }

    /// <summary>
    /// A load becomes a load of this rank's slice and an all-gather, a gradient a reduce-scatter. The all-gather of a unit stands so many loads before
    /// its first reader, so that it overlaps with the work between; the order is the same on every rank.
    /// </summary>
    public static StepProgram Distribute(StepProgram program, int prefetch) => new RankProgram(program, prefetch).Build();

    private StepProgram Build()
    {
        var begun = 0;
        foreach (var visit in _program.Visits)
        {
            if (visit.Loads)
            {
                begun++;
                for (; _gathered < Math.Min(_loads.Count, begun + _prefetch); _gathered++) Gather(_loads[_gathered], visit.MicroBatch);
            }

            var whole = visit with { Weights = WholeOf(visit.Weights) };
            if (visit.GivesGradient) Scatter(whole);
            else _visits.Add(whole);
        }

        return new StepProgram([.. _visits], [.. _values.Select(value => value with { Holds = [.. value.Holds.Select(held => WholeOf(held)!.Value)] })]).Renewed();
    }

    // It belongs to the micro-batch in hand: the next one is not yet on the device.
    private void Gather(ProgramVisit load, int microBatch) => _visits.Add(load with
    {
        Op = RankOps.Collective,
        MicroBatch = microBatch,
        Reads = [load.Weights!.Value],
        Writes = [_wholes[load.Weights.Value]],
        GivesGradient = false,
        GivesLoss = false,
        GivesResult = false,
    });

    private void Scatter(ProgramVisit visit)
    {
        var gradient = Add($"gradient of unit {visit.Unit}", RankPools.WholeGradientsName);
        _visits.Add(visit with { GivesGradient = false, GradientTo = gradient, Writes = visit.Writes.Add(gradient) });
        _visits.Add(visit with
        {
            Op = RankOps.Collective,
            Weights = null,
            Reads = [gradient],
            Writes = ImmutableArray<int>.Empty,
            GivesLoss = false,
            GivesResult = false,
        });
    }

    private int Add(string name, string pool)
    {
        _values.Add(new ProgramValue(_values.Count, name, ValueKind.Rented) { Pool = pool });
        return _values.Count - 1;
    }

    private int? WholeOf(int? weights) => weights is { } id && _wholes.TryGetValue(id, out var whole) ? whole : weights;
}
