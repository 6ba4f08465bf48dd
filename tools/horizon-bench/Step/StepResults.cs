using Horizon.Flow.Accounting;
using Horizon.Flow.Activations;
using Horizon.Flow.Distributed;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Models;
using Horizon.Flow.Resources;

namespace Horizon.Flow.Bench;

/// <summary>Collects step reports and sums them up.</summary>
internal sealed class StepResults(StepSettings settings, ModelConfig config, TrainingPlan plan, MemoryBudget budget, Floor? floor, Report report, ICollectives? collectives = null)
{
    private readonly List<StepReport> _steps = [];

    public void Add(StepReport step)
    {
        _steps.Add(step);
        report.Say($"step {step.Step}: {step.Elapsed.TotalSeconds:F3} s, {step.TokensPerSecond:N0} tokens/s, {Tera(step.Elapsed.TotalSeconds, step.Tokens):F0} TFLOP/s, loss {step.Loss:F6}, norm {step.GradientNorm:G7}{(step.Skipped ? ", SKIPPED" : "")}, host {new ByteSize(step.HostBytes)}, device {new ByteSize(step.DeviceBytesPeak)}");
    }

    public void Summarize(int leasesReclaimed)
    {
        var times = _steps.Skip(settings.WarmUp).Select(step => step.Elapsed.TotalSeconds).Order().ToList();
        if (times.Count == 0)
        {
            report.Check("steps", false, "no step was measured");
            return;
        }

        var median = times[times.Count / 2];
        var tokens = (long)_steps.Skip(settings.WarmUp).Average(step => step.Tokens);
        var (host, device) = (_steps.Max(step => step.HostBytes), _steps.Max(step => step.DeviceBytesPeak));
        report.Check("losses and gradient norms are finite, no step skipped",
            _steps.TrueForAll(step => double.IsFinite(step.Loss) && double.IsFinite(step.GradientNorm) && step is { GradientNorm: > 0, Skipped: false }));
        report.Check("every lease is back", leasesReclaimed == 0);
        report.Say($"RESULT {settings.Summary}{(plan.WeightsFirst.Count > 0 ? $", weights first {plan.Options.Pipeline.WeightsFirst:0.##}" : "")}{Ranks}: median of {times.Count}: {median:F3} s/step, {tokens / median:N0} tokens/s, {Tera(median, tokens):F0} TFLOP/s (6 N tokens)");
        report.Say($"attention: {AttentionShare:P1} of the step's operations (counted, not timed: 6 L S Q D a token of full causal rows beside 6 N, nothing recomputed); {Tera(median, tokens) / (1 - AttentionShare):F0} TFLOP/s with it");
        report.Say($"memory: host {new ByteSize(host)} (budget {new ByteSize(budget.HostBytes)}), device {new ByteSize(device)} (budget {new ByteSize(budget.DeviceBytes)})");
        if (floor is not null)
        {
            int Count(ActivationPolicy policy) => Enumerable.Range(0, plan.Model.Hidden.Count).Count(layer => plan.Options.Activations(layer) == policy);
            var (kept, narrow) = (Count(ActivationPolicy.Keep), Count(ActivationPolicy.KeepNarrow));
            report.Say($"floor {floor.Seconds:F3} s ({floor.Binding}; nothing recomputed {Math.Max(floor.ComputeWithoutRecompute, floor.Update):F3} s): the step reaches {floor.Seconds / median:P0} of it");
            if (kept + narrow > 0) report.Say($"floor {floor.WithKept(kept, narrow):F3} s with {kept} layers not recomputed, and of {narrow} gate and up alone: the step reaches {floor.WithKept(kept, narrow) / median:P0} of it");
        }

        if (!settings.Csv) return;
        Console.WriteLine("shape,layers,batch,sequence,accumulation,precision,clip,interval,seconds,tokens_per_second,tflops,host_bytes,host_budget,device_bytes,device_budget,floor_compute,floor_up,floor_down,floor_update");
        Console.WriteLine(FormattableString.Invariant(
            $"{settings.Shape},{plan.Model.Hidden.Count - 1},{settings.Batch},{settings.Sequence},{settings.Accumulation},{settings.Precision},{settings.Clip},{settings.Interval},{median:F4},{tokens / median:F0},{Tera(median, tokens):F1},{host},{budget.HostBytes},{device},{budget.DeviceBytes},{floor?.Compute:F4},{floor?.Upload:F4},{floor?.Download:F4},{floor?.Update:F4}"));
    }

    // Forward: two products of S / 2 keys on the average, 2 operations each; backward twice that.
    private double AttentionShare
    {
        get
        {
            var attention = 6.0 * config.LayerCount * settings.Sequence * config.HeadCount * config.HeadDimension;
            return attention / (attention + (6.0 * plan.Model.ParameterCount));
        }
    }

    private string Ranks => collectives is null ? "" : $", rank {collectives.Rank} of {collectives.Count}";

    private double Tera(double seconds, long tokens) => 6.0 * plan.Model.ParameterCount * tokens / seconds / 1e12;
}
