using System.Collections.Immutable;
using System.Globalization;
using System.Text;

namespace Horizon.Flow.Program;

/// <summary>
/// What a step does, as a value: visits in the order in which they are computed, and the values that travel between them. Made by an
/// <see cref="IStepProgrammer"/>, changed by functions from program to program, checked by <see cref="ProgramValidator"/> before it runs.
/// </summary>
public sealed class StepProgram
{
    private readonly Dictionary<int, int> _gradients;

    /// <summary>Takes visits and values as they are; <see cref="ProgramBuilder"/> finds loads and frees by itself.</summary>
    public StepProgram(ImmutableArray<ProgramVisit> visits, ImmutableArray<ProgramValue> values)
    {
        Visits = visits;
        Values = values;
        _gradients = visits.Where(visit => visit.GivesGradient).GroupBy(visit => visit.Unit).ToDictionary(unit => unit.Key, unit => unit.Count());
        TrainedUnits = [.. _gradients.Keys.Order()];
        Losses = visits.Count(visit => visit.GivesLoss);
        Results = visits.Count(visit => visit.GivesResult);
        var written = visits.SelectMany(visit => visit.Writes).ToHashSet();
        Keeps = [.. values.Where(value => value.KeptAs is not null && written.Contains(value.Id)).Select(value => value.Id)];
        Borrows = [.. values.Where(value => value.KeptAs is not null && !written.Contains(value.Id)).Select(value => value.Id)];
    }

    /// <summary>The visits, in the order of computation.</summary>
    public ImmutableArray<ProgramVisit> Visits { get; }

    /// <summary>The values, by their ids.</summary>
    public ImmutableArray<ProgramValue> Values { get; }

    /// <summary>Units that get a gradient, ascending.</summary>
    public ImmutableArray<int> TrainedUnits { get; }

    /// <summary>How many losses the step gives.</summary>
    public int Losses { get; }

    /// <summary>How many visits give numbers to the host.</summary>
    public int Results { get; }

    /// <summary>Values that live on when the program has ended.</summary>
    public ImmutableArray<int> Keeps { get; }

    /// <summary>Values that an earlier program kept, and that this one reads.</summary>
    public ImmutableArray<int> Borrows { get; }

    /// <summary>How many gradients of a unit the step gives: one for each micro-batch, twice that for a tied embedding; 0 where it is not trained.</summary>
    public int GradientsOf(int unit) => _gradients.GetValueOrDefault(unit);

    /// <summary>The same visits with other loads and frees, found from first and last use: after a change of the visits or the values.</summary>
    public StepProgram Renewed()
    {
        var loaded = new HashSet<int>();
        var last = LastUses();
        var frees = Values.Where(value => last[value.Id] >= 0 && value.KeptAs is null).ToLookup(value => last[value.Id], value => value.Id);
        return new(
            [.. Visits.Select((visit, index) => visit with
            {
                Index = index,
                Loads = visit.Weights is { } weights && Values[weights].Kind == ValueKind.Weights && loaded.Add(weights),
                Frees = [.. frees[index].OrderDescending()], // the newest first: a tape goes before the input that it refers to
            })],
            Values);
    }

    /// <summary>One line a visit, for people.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        foreach (var visit in Visits)
        {
            text.Append(CultureInfo.InvariantCulture, $"{visit.Index,4} {visit.Op,-10} unit {visit.Unit} of store {visit.Store}, micro-batch {visit.MicroBatch}{(visit.Loads ? ", loads" : "")}: ");
            text.Append(CultureInfo.InvariantCulture, $"{Names(visit.Reads)} -> {Names(visit.Writes)}{(visit.GivesGradient ? " +gradient" : "")}{(visit.GivesLoss ? " +loss" : "")}{(visit.GivesResult ? " +result" : "")}");
            if (visit.Frees.Length > 0) text.Append(CultureInfo.InvariantCulture, $"; frees {Names(visit.Frees)}");
            text.Append('\n');
        }

        return text.ToString();

        string Names(IEnumerable<int> ids) => string.Join(' ', ids.Select(id => Values[id].Name).DefaultIfEmpty("-"));
    }

    private int[] LastUses()
    {
        var last = Enumerable.Repeat(-1, Values.Length).ToArray();
        for (var index = 0; index < Visits.Length; index++)
        {
            var visit = Visits[index];
            foreach (var id in visit.Reads.Concat(visit.Writes)) last[id] = index;
            if (visit.Weights is { } weights) last[weights] = index;
        }

        // What others hold, or are parts of, lives as long as they do; such chains are short.
        for (var changed = true; changed;)
        {
            changed = false;
            foreach (var value in Values)
            {
                foreach (var held in value.PartOf is { } whole ? value.Holds.Add(whole) : value.Holds)
                {
                    if (last[held] >= last[value.Id]) continue;
                    last[held] = last[value.Id];
                    changed = true;
                }
            }
        }

        return last;
    }
}
