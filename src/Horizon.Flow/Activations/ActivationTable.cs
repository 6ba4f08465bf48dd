using Horizon.Flow.Units;

namespace Horizon.Flow.Activations;

/// <summary>
/// What becomes of each layer's activations in a plan: the one table that programs and budgets read. Backward goes in segments: of
/// <see cref="TrainingOptions.RecomputeInterval"/> layers at most, of one policy; a layer whose activations are kept is a segment of its own, and so is a layer with its parts
/// (<see cref="IUnitTemplate.IsPart"/>).
/// </summary>
public sealed class ActivationTable
{
    private readonly ModelDefinition _model;
    private readonly int _interval;
    private readonly Func<int, ActivationPolicy> _policy;
    private readonly HashSet<int> _first;

    /// <summary>Makes the table.</summary>
    /// <param name="model">The model.</param>
    /// <param name="options">For the recompute interval and the layers' policies.</param>
    /// <param name="isTrained">Whether a unit is trained.</param>
    public ActivationTable(ModelDefinition model, TrainingOptions options, Func<int, bool> isTrained)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(isTrained);
        _model = model;
        _interval = options.RecomputeInterval;
        _policy = options.Activations;
        LowestTrainedLayer = Enumerable.Range(0, model.Hidden.Count).Where(layer => isTrained(model.Hidden[layer].Unit)).DefaultIfEmpty(model.Hidden.Count).First();
        Segments = MakeSegments();
        _first = [.. Segments.Select(segment => segment.First)];
    }

    /// <summary>Backward ends at this layer; the count of layers if the head alone is trained.</summary>
    public int LowestTrainedLayer { get; }

    /// <summary>The segments of backward, last first, as (first layer, count).</summary>
    public IReadOnlyList<(int First, int Count)> Segments { get; }

    /// <summary>How many inputs of one micro-batch wait in host memory.</summary>
    public int OffloadedInputs => Segments.Count(segment => Offloads(segment.First));

    /// <summary>The table of a plan.</summary>
    public static ActivationTable Of(TrainingPlan plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        return new(plan.Model, plan.Options, unit => plan.Options.IsTrainable(plan.Model.Units[unit]));
    }

    /// <summary>What becomes of a layer's activations; an embedding has none to keep.</summary>
    /// <param name="layer">Index into <see cref="ModelDefinition.Hidden"/>.</param>
    public ActivationPolicy PolicyOf(int layer) =>
        layer < LowestTrainedLayer || _model.Hidden[layer].Template.IsEmbedding ? ActivationPolicy.Recompute : _policy(layer);

    /// <summary>Whether a layer's tape lives from its forward to its backward.</summary>
    public bool Keeps(int layer) => PolicyOf(layer) is ActivationPolicy.Keep or ActivationPolicy.KeepNarrow;

    /// <summary>Whether a unit is recomputed from the input of its layer's first part, right before its backward.</summary>
    /// <param name="layer">Index into <see cref="ModelDefinition.Hidden"/>.</param>
    public bool IsPart(int layer) => _model.Hidden[layer].Template.IsPart && !Keeps(layer);

    /// <summary>Whether a layer's input waits in host memory: it begins a segment that is offloaded.</summary>
    public bool Offloads(int layer) => _first.Contains(layer) && PolicyOf(layer) == ActivationPolicy.Offload;

    private List<(int First, int Count)> MakeSegments()
    {
        var segments = new List<(int First, int Count)>();
        for (var first = LowestTrainedLayer; first < _model.Hidden.Count;)
        {
            // An embedding is a segment of its own: its input is the token ids, nothing is kept for it.
            var policy = PolicyOf(first);
            var longest = _model.Hidden[first].Template.IsEmbedding || Keeps(first) ? 1 : Math.Min(_interval, _model.Hidden.Count - first);
            var count = 1 + PartsBehind(first);
            while (count < longest && PolicyOf(first + count) == policy && PartsBehind(first + count) == 0) count++;
            segments.Add((first, count));
            first += count;
        }

        segments.Reverse();
        return segments;
    }

    // Units behind a layer that are parts of it, and go with it.
    private int PartsBehind(int layer)
    {
        var policy = PolicyOf(layer);
        if (policy is ActivationPolicy.Keep or ActivationPolicy.KeepNarrow) return 0;
        var end = layer + 1;
        while (end < _model.Hidden.Count && _model.Hidden[end].Template.IsPart && PolicyOf(end) == policy) end++;
        return end - layer - 1;
    }
}
