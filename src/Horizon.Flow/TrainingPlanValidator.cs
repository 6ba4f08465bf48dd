using Horizon.Flow.Devices;
using Horizon.Flow.Graph;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Messages;
using Horizon.Flow.Program;
using Horizon.Flow.Resources;

namespace Horizon.Flow;

/// <summary>What a training plan needs beyond a sound graph: bounds that are numbers, pools large enough to make progress, programs that run.</summary>
internal static class TrainingPlanValidator
{
    public static IEnumerable<PlanProblem> Check(TrainingPlan plan)
    {
        var options = plan.Options;
        var pipeline = options.Pipeline;
        foreach (var (name, value) in new (string, int)[]
        {
            (nameof(pipeline.DeviceBuffers), pipeline.DeviceBuffers),
            (nameof(pipeline.GradientBuffers), pipeline.GradientBuffers),
            (nameof(pipeline.GradientSlabs), pipeline.GradientSlabs),
            (nameof(pipeline.ReturnBuffers), pipeline.ReturnBuffers),
            (nameof(options.RecomputeInterval), options.RecomputeInterval),
            (nameof(options.GradientAccumulation), options.GradientAccumulation),
            (nameof(options.HostThreads), options.HostThreads),
        })
        {
            if (value < 1) yield return new PlanProblem(name, $"it is {value}", "set it to at least 1");
        }

        if (pipeline.WeightsFirst is not (>= 0 and <= 1))
            yield return new PlanProblem(nameof(pipeline.WeightsFirst), FormattableString.Invariant($"it is {pipeline.WeightsFirst}"), "set a share of the parameters, 0 to 1");
        if (options.MaxGradientNorm is { } norm && !(norm > 0))
            yield return new PlanProblem(nameof(options.MaxGradientNorm), $"it is {norm}", "set a positive norm, or null for no clipping");
        foreach (var name in new[] { Stages.Fetch.Name, Stages.Join.Name })
        {
            if (!HasEntry(plan.Graph, name))
                yield return new PlanProblem($"stage '{name}'", "no entry leads to it, and a run sends to both", "let it, or what stands before it, be an entry");
        }

        foreach (var same in plan.UnitStates.GroupBy(state => state.Name).Where(same => same.Count() > 1))
            yield return new PlanProblem($"unit state '{same.Key}'", "it is there twice", "give each its own name");
        foreach (var state in plan.UnitStates.Where(state => plan.Model.Units.Any(unit => state.BytesOf(unit) < 0)))
            yield return new PlanProblem($"unit state '{state.Name}'", "it asks for less than 0 bytes", "ask for 0 where a unit has none");
        foreach (var pools in plan.Graph.Nodes.SelectMany(node => node.Traits.Pools).GroupBy(pool => pool.Name).Where(same => same.Distinct().Count() > 1))
            yield return new PlanProblem($"pool '{pools.Key}'", "two stages declare it differently", "let both name the same declaration");
        if (options.RecomputeInterval < 1) yield break;
        if (pipeline.GradientSlabs >= 1 && options.GradientAccumulation >= 1)
            foreach (var problem in CheckHolders(plan)) yield return problem;
    }

    /// <summary>
    /// Whether the device is large enough for the plan's pools; what a step's activations take beside them depends on its micro-batches. By all of its memory: what is
    /// free now leaves out what libtorch keeps of runs before this one, and would give again.
    /// </summary>
    public static IEnumerable<PlanProblem> CheckMemory(TrainingPlan plan, StorePrecision precision, IComputeDevice device)
    {
        if (device.MemoryBytes is not { } all) yield break;
        var budget = MemoryBudget.Of(plan, precision);
        if (budget.DeviceBytes <= all) yield break;
        var pools = budget.Items.Where(item => item.Place == MemoryPlace.Device && item.Bytes > 0).OrderByDescending(item => item.Bytes).Select(item => $"{item.Kind} {new ByteSize(item.Bytes)} ({item.How})");
        yield return new("device memory", $"the pools take {new ByteSize(budget.DeviceBytes)} of the {new ByteSize(all)} of {device.Name}: {string.Join(", ", pools)}", "lower their counts in TrainingOptions.Pipeline");
    }

    /// <summary>The programs that the plan would make.</summary>
    public static IEnumerable<PlanProblem> CheckPrograms(TrainingPlan plan, Func<IStepProgrammer> create)
    {
        if (plan.Options.RecomputeInterval < 1 || plan.Options.GradientAccumulation < 1) yield break;
        var programmer = create();
        var trains = plan.Model.Units.Any(plan.Options.IsTrainable);
        foreach (var (purpose, count) in new[] { (StepPurpose.Train, plan.Options.GradientAccumulation), (StepPurpose.Evaluate, 1) })
        {
            if (purpose == StepPurpose.Train && !trains) continue;
            foreach (var problem in plan.Validate(programmer.ProgramFor(new StepRequest(1, purpose, count)), count)) yield return problem;
        }
    }

    /// <summary>Whether messages from outside come to a stage.</summary>
    public static bool HasEntry(GraphPlan<TrainingContext> graph, string stage) => graph.Nodes.Exists(node => node.Traits.IsEntry && LeadsTo(graph, node.Name, stage));

    private static bool LeadsTo(GraphPlan<TrainingContext> graph, string from, string to) => from == to || graph.Behind(from).Contains(to);

    // Slabs come back from the stages behind download: who keeps messages there keeps slabs.
    private static IEnumerable<PlanProblem> CheckHolders(TrainingPlan plan)
    {
        var slabs = Pools.Slabs.CapacityIn(plan);
        var several = plan.Options.GradientAccumulation > 1 ? "several micro-batches" : Enumerable.Range(0, plan.Model.Units.Count).Any(plan.Accumulates) ? "a tied unit" : null;
        foreach (var node in plan.Graph.Nodes.Where(node => node.Name != Stages.Clip.Name && node.Output == typeof(HostGradient) && LeadsTo(plan.Graph, Stages.Download.Name, node.Name)))
        {
            var beforeSum = LeadsTo(plan.Graph, node.Name, Stages.Accumulate.Name) && node.Name != Stages.Accumulate.Name;
            if (node.Traits.HoldsWholeStep && beforeSum && several is not null)
                yield return new PlanProblem($"stage '{node.Name}'", $"it holds a whole step of gradients before they are summed, but {several} gives more of them than there are slabs", $"put it behind '{Stages.Accumulate.Name}'");
            else if (node.Traits.HoldsWholeStep && !plan.SlabPerUnit && !AllAccumulate(plan))
                yield return new PlanProblem($"stage '{node.Name}'", $"it holds a whole step of gradients, the pool '{PoolNames.Slabs}' has {slabs}", "let each unit have a slab or an accumulator");
            else if (node.Traits.Holds >= slabs && !plan.SlabPerUnit && (beforeSum || !AllAccumulate(plan)))
                yield return new PlanProblem($"stage '{node.Name}'", $"it keeps {node.Traits.Holds} gradients back, the pool '{PoolNames.Slabs}' has {slabs}", $"set {nameof(PipelineOptions.GradientSlabs)} to at least {node.Traits.Holds + 1}");
        }
    }

    private static bool AllAccumulate(TrainingPlan plan) => Enumerable.Range(0, plan.Model.Units.Count).All(plan.Accumulates);
}
