using Horizon.Flow.Graph;
using Horizon.Flow.Resources;
using Horizon.Flow.Units;

namespace Horizon.Flow.Program;

/// <summary>Finds every reason why a program cannot run, before anything is allocated: what is read before it is written or after it was freed, pools too small.</summary>
public static class ProgramValidator
{
    /// <summary>Walks the program.</summary>
    /// <param name="program">The program.</param>
    /// <param name="models">The models of its stores, the trained one first.</param>
    /// <param name="microBatches">How many the step has.</param>
    /// <param name="isTrained">Whether a unit of the first store is trained.</param>
    /// <param name="hasStage">Whether there is a stage for an operation.</param>
    /// <param name="capacityOf">How many leases of a pool there are; null for a pool that does not exist.</param>
    public static IReadOnlyList<PlanProblem> Check(
        StepProgram program, IReadOnlyList<ModelDefinition> models, int microBatches, Func<int, bool> isTrained, Func<string, bool> hasStage, Func<string, int?> capacityOf)
    {
        ArgumentNullException.ThrowIfNull(program);
        ArgumentNullException.ThrowIfNull(models);
        var walk = new Walk(program, capacityOf);
        walk.CheckKept();
        foreach (var visit in program.Visits)
        {
            if (CheckPlace(program, visit, models, microBatches, isTrained, hasStage) is { } problem) walk.Problems.Add(problem);
            else walk.Take(visit, $"{visit.Op} of '{models[visit.Store].Units[visit.Unit].Name}' (visit {visit.Index})");
        }

        if (walk.Problems.Count == 0) walk.CheckEnd();
        return walk.Problems;
    }

    private static PlanProblem? CheckPlace(
        StepProgram program, ProgramVisit visit, IReadOnlyList<ModelDefinition> models, int microBatches, Func<int, bool> isTrained, Func<string, bool> hasStage)
    {
        var where = $"visit {visit.Index} ({visit.Op})";
        if (!hasStage(visit.Op)) return new(where, $"the plan has no stage for '{visit.Op}'", "add one with WithOp, or use another operation");
        if ((uint)visit.Store >= (uint)models.Count) return new(where, $"it names store {visit.Store}, there are {models.Count}", "add its model with WithModel");
        if ((uint)visit.Unit >= (uint)models[visit.Store].Units.Count) return new(where, $"it names unit {visit.Unit}, the model has {models[visit.Store].Units.Count}", "name one of them");
        if ((uint)visit.Layer > (uint)models[visit.Store].Hidden.Count) return new(where, $"it names layer {visit.Layer}, the model has {models[visit.Store].Hidden.Count}", "name one of them, or their count for the head");
        if ((uint)visit.MicroBatch >= (uint)microBatches) return new(where, $"it works on micro-batch {visit.MicroBatch}, the step has {microBatches}", "ask for as many as the step has");
        if (visit.GradientTo is { } target && (visit.GivesGradient || !visit.Writes.Contains(target) || program.Values[target].Kind != ValueKind.Rented))
            return new(where, $"its gradient goes to {program.Values[target].Name}, which is no rented value that it writes, or goes down as well", "let it write a rented value, and a later visit give the gradient");
        if (visit.GivesGradient && (visit.Store != 0 || !isTrained(visit.Unit))) return new(where, $"it gives a gradient of '{models[visit.Store].Units[visit.Unit].Name}', which is not trained", "leave the gradient out, or train the unit");
        return null;
    }

    private sealed class Walk(StepProgram program, Func<string, int?> capacityOf)
    {
        private enum State
        {
            Unwritten,
            Live,
            Freed,
        }

        private readonly State[] _states = new State[program.Values.Length];
        private readonly Dictionary<string, int> _live = [];

        public List<PlanProblem> Problems { get; } = [];

        public void Take(ProgramVisit visit, string where)
        {
            if (visit.Weights is { } weights && program.Values[weights].Kind == ValueKind.Weights && _states[weights] == State.Unwritten)
            {
                if (!visit.Loads) Problems.Add(new(where, $"{Name(weights)} is read and nothing loads it", "build the program with a ProgramBuilder, or renew it"));
                Write(weights, where);
            }
            else if (visit.Weights is { } again)
            {
                if (visit.Loads) Problems.Add(new(where, $"{Name(again)} is loaded twice", "build the program with a ProgramBuilder, or renew it"));
                Read(again, where);
            }

            foreach (var read in visit.Reads) Read(read, where);
            foreach (var written in visit.Writes)
            {
                if (_states[written] != State.Unwritten) Problems.Add(new(where, $"{Name(written)} is written again", "write a value of its own"));
                else Write(written, where);
            }

            foreach (var freed in visit.Frees)
            {
                if (_states[freed] != State.Live) Problems.Add(new(where, $"{Name(freed)} is freed but {Text(_states[freed])}", "renew the program"));
                else Free(freed);
            }
        }

        public void CheckKept()
        {
            foreach (var value in program.Values.Where(value => value.KeptAs is not null))
            {
                if (value.Kind != ValueKind.Tensor || value.Holds.Length > 0 || value.PartOf is not null)
                    Problems.Add(new($"value {value.Name}", "it is kept beyond its program but is no tensor of its own", "keep a tensor that holds nothing and is part of nothing"));
            }

            foreach (var name in program.Keeps.GroupBy(id => program.Values[id].KeptAs).Where(name => name.Count() > 1))
                Problems.Add(new($"value {Name(name.First())}", $"several values are kept as '{name.Key}'", "give each a name of its own"));
            foreach (var id in program.Borrows) _states[id] = State.Live;
        }

        public void CheckEnd()
        {
            foreach (var value in program.Values.Where(value => _states[value.Id] == State.Live && value.KeptAs is null))
                Problems.Add(new($"value {value.Name}", "it is never freed", "renew the program"));
        }

        private void Read(int id, string where)
        {
            if (_states[id] != State.Live) Problems.Add(new(where, $"{Name(id)} is read but {Text(_states[id])}", "put the visit that writes it before, or renew the program"));
        }

        private void Write(int id, string where)
        {
            _states[id] = State.Live;
            if (PoolOf(id) is not { } pool) return;
            var live = _live[pool] = _live.GetValueOrDefault(pool) + 1;
            if (capacityOf(pool) is not { } capacity) Problems.Add(new(where, $"there is no pool '{pool}' for {Name(id)}", "declare it in the traits of a stage"));
            else if (live > capacity) Problems.Add(new(where, $"{live} leases of '{pool}' are out at once, the pool has {capacity}", $"give it {live}, or let fewer live together"));
        }

        private void Free(int id)
        {
            _states[id] = State.Freed;
            if (PoolOf(id) is { } pool) _live[pool]--;
        }

        private string? PoolOf(int id) => program.Values[id].Kind == ValueKind.Weights ? PoolNames.DeviceWeights : program.Values[id].Pool;

        private string Name(int id) => program.Values[id].Name;

        private static string Text(State state) => state switch { State.Unwritten => "not written yet", State.Live => "live", _ => "freed already" };
    }
}
