using Horizon.Flow.Program;
using Horizon.Flow.Units;

namespace Horizon.Flow.Testing;

/// <summary>
/// Random programs that mean the same as a given one, to the bit: visits in another order, weights loaded once for several visits or again for each. For
/// templates whose tapes can be bound to weights that come again (<see cref="IUnitTemplate.CanBindTapes"/>).
/// </summary>
public static class Programs
{
    private const int Attempts = 40;

    /// <summary>Changes a program step by step, keeping what <paramref name="isValid"/> accepts.</summary>
    /// <param name="program">The program, such as a default one.</param>
    /// <param name="seed">The same seed changes it in the same way.</param>
    /// <param name="isValid">Whether a changed program may stay, such as <c>plan.Validate(changed, microBatches).Count == 0</c>.</param>
    public static StepProgram Vary(StepProgram program, int seed, Func<StepProgram, bool> isValid)
    {
        ArgumentNullException.ThrowIfNull(program);
        ArgumentNullException.ThrowIfNull(isValid);
        var random = new Random(seed);
        for (var attempt = 0; attempt < Attempts && program.Visits.Length > 0; attempt++)
        {
            var changed = random.Next(6) switch
            {
                0 => Share(program, random),
                1 => Load(program, random),
                _ => Move(program, random),
            };
            if (changed is not null && changed.Renewed() is var renewed && isValid(renewed)) program = renewed;
        }

        return program;
    }

    // One visit earlier, as far as it may go, or less far.
    private static StepProgram? Move(StepProgram program, Random random)
    {
        var visits = program.Visits.ToBuilder();
        var at = random.Next(visits.Count);
        var moved = 0;
        for (var left = random.Next(1, visits.Count + 1); left > 0 && at > 0 && Commute(visits[at - 1], visits[at]); left--, at--, moved++)
            (visits[at - 1], visits[at]) = (visits[at], visits[at - 1]);
        return moved == 0 ? null : new StepProgram(visits.ToImmutable(), program.Values);
    }

    // What reads the other's values comes after it, and the order of a unit's gradients is part of the result.
    private static bool Commute(ProgramVisit first, ProgramVisit second) =>
        !second.Reads.Intersect(first.Writes).Any() && !(first.GivesGradient && second.GivesGradient && first.Unit == second.Unit);

    // Two loads of a unit become one.
    private static StepProgram? Share(StepProgram program, Random random)
    {
        var loads = program.Visits.Where(visit => visit.Loads).ToList();
        if (loads.Count == 0) return null;
        var kept = loads[random.Next(loads.Count)];
        var others = loads.Where(visit => visit.Unit == kept.Unit && visit.Store == kept.Store && visit.Weights != kept.Weights).ToList();
        if (others.Count == 0) return null;
        var (from, to) = (others[random.Next(others.Count)].Weights!.Value, kept.Weights!.Value);
        return new(
            [.. program.Visits.Select(visit => visit.Weights == from ? visit with { Weights = to } : visit)],
            [.. program.Values.Select(value => Holding(value, from, to))]);
    }

    // A visit that shares its weights gets them anew; a tape that it writes is made with these.
    private static StepProgram? Load(StepProgram program, Random random)
    {
        var sharing = program.Visits.Where(visit => visit.Weights is not null && !visit.Loads).ToList();
        if (sharing.Count == 0) return null;
        var chosen = sharing[random.Next(sharing.Count)];
        var again = program.Values[chosen.Weights!.Value] with { Id = program.Values.Length };
        return new(
            program.Visits.SetItem(chosen.Index, chosen with { Weights = again.Id }),
            [.. program.Values.Select(value => chosen.Writes.Contains(value.Id) ? Holding(value, chosen.Weights.Value, again.Id) : value), again]);
    }

    private static ProgramValue Holding(ProgramValue value, int from, int to) => value.Holds.Contains(from) ? value with { Holds = value.Holds.Replace(from, to) } : value;
}
