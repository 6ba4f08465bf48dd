using System.Collections.Immutable;
using System.Threading.Tasks.Dataflow;
using Horizon.Flow.Accounting;
using Horizon.Flow.Messages;
using Horizon.Flow.Models.Dense;
using Horizon.Flow.Program;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Experts;

/// <summary>How evenly the tokens of a step were spread over the experts.</summary>
public static class ExpertMetrics
{
    /// <summary>The share of a step's tokens that went to the fullest expert of any layer; even loads are experts of a token / experts of a layer.</summary>
    public const string MostLoaded = "expert_load_max";

    /// <summary>The share of a step's tokens that went to the emptiest expert of any layer.</summary>
    public const string LeastLoaded = "expert_load_min";

    /// <summary>The load-balancing loss times its factor, which is part of the step's loss; there where the configuration asks for it.</summary>
    public const string Balancing = "load_balancing_loss";

    private const string Op = "expert loads";

    /// <summary>
    /// The plan whose training steps also count each expert's tokens: on the device, a visit a micro-batch brings the counts to the host behind the head. As it is where the model has no experts.
    /// </summary>
    /// <param name="plan">Before an objective is put in: it may replace the head's visit.</param>
    public static TrainingPlan WithExpertLoads(this TrainingPlan plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        return LedgerOf(plan) is not { } ledger ? plan : plan
            .WithOp(Op, (_, stage) => new TransformBlock<OpWork, Computed>(work => work.GiveResult(Numbers(ledger, work)), stage.ToDataflow()))
            .WithProgram(Counting);
    }

    /// <summary>The metrics of a step; none where the plan counts none, or the step had no tokens.</summary>
    /// <param name="plan">The plan that trained.</param>
    /// <param name="report">Of one of its steps.</param>
    public static IReadOnlyDictionary<string, double> ExpertMetricsOf(this TrainingPlan plan, StepReport report) => plan.ExpertMetricsOf(plan.ExpertSumsOf(report));

    /// <summary>What the metrics are worked out from: sums over the step's micro-batches, which ranks that share a step may add up.</summary>
    /// <param name="plan">The plan that trained.</param>
    /// <param name="report">Of one of its steps.</param>
    /// <returns>As many for every step of the plan; none where it counts none.</returns>
    public static double[] ExpertSumsOf(this TrainingPlan plan, StepReport report)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(report);
        List<float[]> parts = [.. report.Results.Where(result => result.Visit.Op == Op).Select(result => result.Numbers)];
        return parts.Count == 0 ? [] : [.. Enumerable.Range(0, parts[0].Length).Select(place => parts.Sum(part => (double)part[place]))];
    }

    /// <summary>The metrics of such sums.</summary>
    /// <param name="plan">The plan that trained.</param>
    /// <param name="sums">Of <see cref="ExpertSumsOf"/>.</param>
    public static IReadOnlyDictionary<string, double> ExpertMetricsOf(this TrainingPlan plan, double[] sums)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(sums);
        if (sums.Length == 0 || LedgerOf(plan) is not { } ledger) return ImmutableDictionary<string, double>.Empty;
        var (layers, experts) = ledger.Shape;
        List<double[]> visited = [.. sums.Take(layers * experts).Chunk(experts).Where(layer => layer.Sum() > 0)];
        if (visited.Count == 0) return ImmutableDictionary<string, double>.Empty;
        double Share(double load, double[] layer) => load * ledger.PerToken / layer.Sum();
        var metrics = new Dictionary<string, double>
        {
            [MostLoaded] = visited.Max(layer => Share(layer.Max(), layer)),
            [LeastLoaded] = visited.Min(layer => Share(layer.Min(), layer)),
        };
        if (ledger.Balances) metrics[Balancing] = sums[^1];
        return metrics;
    }

    private static ExpertLedger? LedgerOf(TrainingPlan plan) => plan.Model.Hidden.Select(binding => (binding.Template as DenseLayerTemplate)?.Ledger).FirstOrDefault(ledger => ledger is { Shape.Layers: > 0 });

    // [L * E + 1].
    private static Tensor Numbers(ExpertLedger ledger, OpWork work)
    {
        using var noGrad = no_grad();
        var loss = ledger.Balances ? ledger.LossOf(work.Batch) : zeros([], float32, work.Batch.InputIds.device);
        return cat([ledger.LoadsOf(work.Batch).flatten(), loss.unsqueeze(0)]);
    }

    private static StepProgram Counting(StepProgram program)
    {
        if (!program.Visits.Any(visit => visit.Op == Ops.Head)) return program;
        var builder = new ProgramBuilder(program);
        foreach (var visit in program.Visits)
        {
            builder.Visit(visit);
            if (visit.Op == Ops.Head) builder.Visit(Op, visit.Unit, visit.Layer, null, [], [], visit.MicroBatch, result: true);
        }

        return builder.Build();
    }
}
