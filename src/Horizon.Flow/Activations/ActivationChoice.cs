using Horizon.Flow.Units;

namespace Horizon.Flow.Activations;

/// <summary>Which layers keep, recompute or offload their activations.</summary>
/// <param name="Policies">One for each entry of <see cref="ModelDefinition.Hidden"/>.</param>
public sealed record ActivationChoice(IReadOnlyList<ActivationPolicy> Policies)
{
    /// <summary>A layer's policy, as <see cref="TrainingOptions.Activations"/> wants it.</summary>
    public ActivationPolicy Of(int layer) => Policies[layer];

    /// <summary>How many layers have a policy.</summary>
    public int Count(ActivationPolicy policy) => Policies.Count(one => one == policy);

    /// <summary>Whether any layer's tape lives from its forward to its backward.</summary>
    public bool Keeps => Policies.Any(policy => policy is ActivationPolicy.Keep or ActivationPolicy.KeepNarrow);

    /// <summary>The same policy for every layer.</summary>
    public static ActivationChoice All(ModelDefinition model, ActivationPolicy policy)
    {
        ArgumentNullException.ThrowIfNull(model);
        return new([.. model.Hidden.Select(binding => binding.Template.IsEmbedding ? ActivationPolicy.Recompute : policy)]);
    }

    /// <summary>
    /// The fastest choice that fits: as many layers as possible keep what is narrow, which saves the most time for its bytes, and as many of these as then fit
    /// keep all; the others recompute. Where not even their inputs fit, as few as possible are offloaded. The last layers keep: theirs is the shortest time until
    /// backward, and what the others recompute comes when these tapes are gone. The first ones are offloaded: theirs is the longest.
    /// </summary>
    /// <param name="plan">The plan; its own policies do not count.</param>
    /// <param name="fits">Whether a choice fits.</param>
    /// <param name="mayOffload">Whether offloading helps: not where the device computes in host memory.</param>
    /// <returns>Where nothing fits, what takes least.</returns>
    public static ActivationChoice Fastest(TrainingPlan plan, Predicate<ActivationChoice> fits, bool mayOffload = true)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(fits);
        var model = plan.Model;
        var lowest = ActivationTable.Of(plan).LowestTrainedLayer;
        var layers = Enumerable.Range(0, model.Hidden.Count).Where(layer => layer >= lowest && !model.Hidden[layer].Template.IsEmbedding).ToList();
        // What other tapes take is an estimate for most templates, and too low a one ends a run: they are kept where somebody says so.
        var keepable = layers.Where(layer => model.Hidden[layer].Template.CanBindTapes).ToList();
        ActivationChoice With(IEnumerable<int> chosen, ActivationPolicy policy)
        {
            var set = chosen.ToHashSet();
            return new([.. Enumerable.Range(0, model.Hidden.Count).Select(layer => set.Contains(layer) ? policy : ActivationPolicy.Recompute)]);
        }

        ActivationChoice Keeping(int count, int whole)
        {
            var (kept, narrow) = (keepable.TakeLast(count).ToHashSet(), keepable.TakeLast(count).SkipLast(whole).Where(layer => model.Hidden[layer].Template.CanNarrowTapes).ToHashSet());
            return new([.. Enumerable.Range(0, model.Hidden.Count).Select(layer =>
                narrow.Contains(layer) ? ActivationPolicy.KeepNarrow : kept.Contains(layer) ? ActivationPolicy.Keep : ActivationPolicy.Recompute)]);
        }

        var recompute = With([], ActivationPolicy.Recompute);
        if (fits(recompute))
        {
            // What is kept adds up, so that the most layers that fit are found by halving.
            var most = Most(keepable.Count, count => fits(Keeping(count, 0)));
            return Keeping(most, Most(most, whole => fits(Keeping(most, whole))));
        }

        return !mayOffload || layers.Count == 0 ? recompute
            : With(layers.Take(layers.Count - Most(layers.Count - 1, stay => fits(With(layers.Take(layers.Count - stay), ActivationPolicy.Offload)))), ActivationPolicy.Offload);
    }

    // The largest count up to a limit for which all smaller ones hold too; 0 where not even 1 does.
    private static int Most(int limit, Predicate<int> holds)
    {
        var (low, high) = (0, limit);
        while (low < high)
        {
            var middle = low + ((high - low + 1) / 2);
            if (holds(middle)) low = middle;
            else high = middle - 1;
        }

        return low;
    }

    /// <summary>Such as <c>12 layers keep, 16 recompute</c>.</summary>
    public override string ToString() => Text(Policies.Skip(1)); // the embedding's is no choice

    /// <summary>The same of a model's layers, without their parts (<see cref="IUnitTemplate.IsPart"/>).</summary>
    /// <param name="model">The model.</param>
    public string Describe(ModelDefinition model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return Text(Policies.Where((_, layer) => layer > 0 && !model.Hidden[layer].Template.IsPart));
    }

    private static string Text(IEnumerable<ActivationPolicy> policies)
    {
        var words = new[] { (ActivationPolicy.Keep, "keep"), (ActivationPolicy.KeepNarrow, "keep what is narrow"), (ActivationPolicy.Recompute, "recompute"), (ActivationPolicy.Offload, "offload") };
        var counts = words.Select(word => (Count: policies.Count(policy => policy == word.Item1), Word: word.Item2)).Where(word => word.Count > 0);
        return string.Join(", ", counts.Select((word, i) => i == 0 ? $"{word.Count} layer(s) {word.Word}" : $"{word.Count} {word.Word}"));
    }
}
