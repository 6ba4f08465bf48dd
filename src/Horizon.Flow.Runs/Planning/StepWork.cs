using Horizon.Flow.Activations;
using Horizon.Flow.Host.Store;

namespace Horizon.Flow.Runs.Planning;

/// <summary>What a step has to do at the least, counted from the model's shapes, over all ranks together.</summary>
/// <param name="Tokens">Its tokens, without padding.</param>
/// <param name="ModelOperations">Operations of forward and backward, a multiplication and an addition being two; nothing recomputed.</param>
/// <param name="RecomputedOperations">Those of the layers that are computed again.</param>
/// <param name="BytesBetween">What the operators between matrix products read and write in device memory; an estimate.</param>
/// <param name="BytesUp">Weights to the device.</param>
/// <param name="BytesDown">Gradients to the host.</param>
/// <param name="BytesUpdated">What the optimizer reads and writes in host memory.</param>
/// <param name="BorderBytes">Of these the largest unit's: its update and the copies around it lie between two steps, beside nothing.</param>
public sealed record StepWork(double Tokens, double ModelOperations, double RecomputedOperations, double BytesBetween, double BytesUp, double BytesDown, double BytesUpdated, (double Up, double Down, double Updated) BorderBytes)
{
    // For each number that a product reads or gives, in a step that computes nothing again, in units of the element's two bytes; fitted to H100 steps (docs/benchmarks/2026-11-26-plan.md).
    private const double BytesANumber = 16.5;

    // For each logit: written, its softmax, its gradient over it, two products that read that, and the chunk's part of the projection's gradient.
    private const double BytesALogit = 16;

    /// <summary>Operations of all that is computed.</summary>
    public double Operations => ModelOperations + RecomputedOperations;

    /// <summary>Of these the products in fp8.</summary>
    public double Fp8Operations { get; init; }

    /// <summary>Of these attention's, which reaches less than products do.</summary>
    public double AttentionOperations { get; init; }

    /// <summary>What attention reaches on a GPU of the rate of products.</summary>
    /// <value>Default that of sums in a fixed order, whatever the rows.</value>
    public double AttentionShare { get; init; } = MachineRates.AttentionShare;

    /// <summary>Parameters that are updated with moments of 8 bits: what such an update computes takes longer than what it reads.</summary>
    public double UpdatedInEighths { get; init; }

    /// <summary>Operations beside which updates run where they wait for the norm of all gradients: those of the first micro-batch's forward. Null where nothing is clipped.</summary>
    public double? OperationsBesideUpdates { get; init; }

    /// <summary>Of <see cref="BytesUpdated"/> those of the optimizer's state that follows its weights, beside head and backward.</summary>
    /// <value>0: weights and state are updated in one sweep.</value>
    public double BytesBehind { get; init; }

    /// <summary>Ranks that share the work and the links, a device each.</summary>
    /// <value>Default 1.</value>
    public int Ranks { get; init; } = 1;

    /// <summary>Machines that share what the hosts do.</summary>
    /// <value>Default 1.</value>
    public int Machines { get; init; } = 1;

    /// <summary>Counts a step.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="precision">How the store keeps parameters.</param>
    /// <param name="choice">What becomes of the layers' activations.</param>
    /// <param name="tokens">Tokens of the step, over all of its micro-batches.</param>
    /// <param name="documentLength">Tokens of a document on average.</param>
    public static StepWork Of(TrainingPlan plan, StorePrecision precision, ActivationChoice choice, double tokens, double documentLength)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(choice);
        var model = plan.Model;
        double Trained(UnitLayout unit) => plan.Options.IsTrainable(unit) ? unit.Trained.ElementCount : 0;
        double FixedShare(UnitLayout unit) => 1 - (Trained(unit) / Math.Max(1, unit.ElementCount));
        var table = new ActivationTable(model, plan.Options with { Activations = choice.Of }, unit => plan.Options.IsTrainable(model.Units[unit]));
        var element = precision == StorePrecision.Fp32 ? 4.0 : 2.0;
        double forward = 0, backward = 0, again = 0, eighths = 0, attention = 0, numbers = 0, up = 0, down = 0;
        for (var layer = 0; layer < model.Hidden.Count; layer++)
        {
            var (unit, template) = (model.Units[model.Hidden[layer].Unit], model.Hidden[layer].Template);
            var operations = template.ForwardOperations(unit, documentLength / 2);
            var goesBack = layer >= table.LowestTrainedLayer;
            forward += operations;
            if (!goesBack) attention += operations - template.ForwardOperations(unit, 0);
            up += unit.ElementCount * (goesBack && template.BackwardNeedsWeights ? 2 : 1);
            if (!goesBack) continue;
            var products = template.ForwardOperations(unit, 0);
            // Of what stays fixed, backward needs the inputs' gradients alone.
            backward += (2 * operations) - (FixedShare(unit) * products);
            attention += 3 * (operations - products);
            numbers += template.NumbersBetween(unit, model.HiddenSize);
            var isAgain = !template.IsEmbedding && !table.Keeps(layer);
            if (isAgain) again += operations;
            if (isAgain) attention += operations - products;
            if (table.PolicyOf(layer) == ActivationPolicy.KeepNarrow) again += template.NarrowOperations(unit);
            if (template.MultipliesInFp8) eighths += products * (isAgain ? 4 : 3);
            down += Trained(unit);
        }

        var head = model.Units[model.Head.Unit];
        var layers = forward;
        var logits = 2.0 * model.VocabularySize * model.HiddenSize;
        forward += logits;
        backward += (2 - FixedShare(head)) * logits;
        up += head.ElementCount;
        down += Trained(head);
        var first = plan.WeightsFirst.Select(unit => model.Units[unit]).ToHashSet();
        double State(UnitLayout unit) => plan.Options.Optimizer.DescribeState(unit.Trained).Sum(buffer => buffer.ByteLength);
        // In one sweep all is read and written, and the gradient read; weights alone leave the state unwritten, and the state behind them reads the gradient again.
        double Updated(UnitLayout unit) => !plan.Options.IsTrainable(unit) ? 0
            : (unit.Trained.ElementCount * ((2 * (element + (precision == StorePrecision.Bf16 ? 2 : 0))) + element)) + ((first.Contains(unit) ? 1 : 2) * State(unit));
        double Behind(UnitLayout unit) => first.Contains(unit) ? (unit.Trained.ElementCount * element) + (2 * State(unit)) : 0;
        var largest = model.Units.MaxBy(unit => unit.ElementCount)!;
        var count = plan.Options.GradientAccumulation;
        // Each micro-batch's gradients but the first are added to sums in fp32.
        var added = (count - 1) * down * (element + (2 * sizeof(float)));
        var between = ((BytesANumber * element / 2 * numbers) + (BytesALogit * element / 2 * model.VocabularySize)) * tokens;
        return new(
            tokens, (forward + backward) * tokens, again * tokens, between, up * element * count, down * element * count, model.Units.Sum(unit => Updated(unit) + Behind(unit)) + added,
            (largest.ElementCount * element, Trained(largest) * element, Updated(largest)))
        {
            Fp8Operations = eighths * tokens,
            BytesBehind = model.Units.Sum(Behind),
            AttentionOperations = attention * tokens,
            UpdatedInEighths = plan.Options.Optimizer.Name.EndsWith("8bit", StringComparison.Ordinal) ? model.Units.Sum(Trained) : 0,
            OperationsBesideUpdates = plan.Options.MaxGradientNorm is null ? null : layers * tokens / count,
        };
    }
}
