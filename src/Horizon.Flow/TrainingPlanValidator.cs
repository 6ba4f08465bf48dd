using Horizon.Flow.Graph;

namespace Horizon.Flow;

/// <summary>What a training plan needs beyond a sound graph: pools large enough to make progress.</summary>
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

        if (options.MaxGradientNorm is { } norm && !(norm > 0))
            yield return new PlanProblem(nameof(options.MaxGradientNorm), $"it is {norm}", "set a positive norm, or null for no clipping");
        if (!plan.Model.Units.Any(options.IsTrainable))
            yield return new PlanProblem(nameof(options.IsTrainable), "every unit is frozen", "leave at least one to train");
        if (options.RecomputeInterval < 1 || !plan.Model.Units.Any(options.IsTrainable)) yield break;
        var schedule = new VisitSchedule(plan.Model, options, unit => options.IsTrainable(plan.Model.Units[unit]));
        foreach (var (layer, _) in schedule.Segments.Where(segment => schedule.PolicyOf(segment.First) == ActivationPolicy.Keep).Reverse())
        {
            var (unit, template) = plan.Model.Hidden[layer];
            if (!template.CanKeepTapes)
                yield return new PlanProblem(
                    $"activations of '{plan.Model.Units[unit].Name}'",
                    $"tapes of {template.GetType().Name} hold the weights that they were made with and cannot be kept",
                    $"set {nameof(ActivationPolicy.Recompute)} or {nameof(ActivationPolicy.MoveOut)}");
        }

        var longest = schedule.Segments.Select(segment => segment.Count).DefaultIfEmpty(1).Max();
        if (pipeline.DeviceBuffers >= 1 && pipeline.DeviceBuffers < longest)
            yield return new PlanProblem(
                $"edge {Stages.Upload.Name} -> {Stages.Recompute.Name}",
                $"recomputing {longest} units at a time holds {longest} weight buffers, the pool has {pipeline.DeviceBuffers}",
                $"set {nameof(pipeline.DeviceBuffers)} to at least {longest} or {nameof(options.RecomputeInterval)} to at most {pipeline.DeviceBuffers}");
    }
}
