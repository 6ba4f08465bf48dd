using Horizon.Flow.Devices;
using Horizon.Flow.Program;
using Horizon.Flow.Units;

namespace Horizon.Flow.Messages;

/// <summary>A step's program with its micro-batches: what enters the graph at join, before the step's loads enter at fetch. Its values are join's own.</summary>
public sealed class ProgramRun : StepMessage
{
    private readonly int[] _lastVisits;

    /// <summary>Creates the message.</summary>
    /// <param name="step">The step.</param>
    /// <param name="microBatches">Its micro-batches.</param>
    /// <param name="models">The models of the program's stores.</param>
    public ProgramRun(StepInfo step, IReadOnlyList<MicroBatch> microBatches, IReadOnlyList<ModelDefinition> models)
        : base(step)
    {
        ArgumentNullException.ThrowIfNull(microBatches);
        ArgumentNullException.ThrowIfNull(models);
        MicroBatches = microBatches;
        Models = models;
        Visits = [.. Program.Visits.Select(visit => new UnitVisit(step, visit, models[visit.Store].Units[visit.Unit]))];
        Values = new object?[Program.Values.Length];
        Batches = new DeviceBatch?[microBatches.Count];
        _lastVisits = new int[microBatches.Count];
        foreach (var visit in Program.Visits) _lastVisits[visit.MicroBatch] = visit.Index;
    }

    /// <summary>What is done.</summary>
    public StepProgram Program => Info.Program;

    /// <summary>The micro-batches on the host.</summary>
    public IReadOnlyList<MicroBatch> MicroBatches { get; }

    /// <summary>The models of the program's stores.</summary>
    public IReadOnlyList<ModelDefinition> Models { get; }

    /// <summary>The program's visits in this step.</summary>
    public IReadOnlyList<UnitVisit> Visits { get; }

    /// <summary>Requests for the weights, in the order in which the visits need them.</summary>
    /// <param name="version">How many updates of its own the visit's unit must have seen.</param>
    public IEnumerable<LoadRequest> Loads(Func<UnitVisit, long> version)
    {
        ArgumentNullException.ThrowIfNull(version);
        return Visits.Where(visit => visit.Planned.Loads).Select(visit => new LoadRequest(visit, version(visit)));
    }

    internal object?[] Values { get; }

    internal DeviceBatch?[] Batches { get; }

    /// <summary>Copies under way that read a value: whoever gets its memory next comes after them.</summary>
    internal Dictionary<int, Fence> Readers { get; } = [];

    internal int Cursor { get; set; }

    /// <summary>Complete when its last visit has come back, and what it keeps is kept.</summary>
    internal TaskCompletionSource Ended { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal bool IsLastOf(ProgramVisit visit) => _lastVisits[visit.MicroBatch] == visit.Index;

    /// <inheritdoc/>
    public override string ToString() => $"program of step {Step} at visit {Cursor} of {Visits.Count}";
}
