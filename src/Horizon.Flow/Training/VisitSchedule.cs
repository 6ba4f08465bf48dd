
namespace Horizon.Flow;

/// <summary>
/// The order in which a micro-batch visits the units: forward through all, the head, then backward in segments: each segment of
/// <see cref="TrainingOptions.RecomputeInterval"/> layers is recomputed forwards from its kept input, then differentiated backwards. So each
/// unit goes up twice at most and runs forward twice at most, whatever the interval. A layer whose activations are kept is a segment of its
/// own, and runs forward once.
/// </summary>
public sealed class VisitSchedule
{
    private readonly ModelDefinition _model;
    private readonly Func<int, bool> _isTrainable;
    private readonly int _interval;
    private readonly Func<int, ActivationPolicy> _policy;

    /// <summary>Prepares the order.</summary>
    /// <param name="model">The model.</param>
    /// <param name="options">For the recompute interval and the layers' policies.</param>
    /// <param name="isTrainable">Whether a unit is trained.</param>
    public VisitSchedule(ModelDefinition model, TrainingOptions options, Func<int, bool> isTrainable)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(isTrainable);
        _model = model;
        _isTrainable = isTrainable;
        _interval = options.RecomputeInterval;
        _policy = options.Activations;
        var trained = Enumerable.Range(0, model.Hidden.Count).Where(layer => isTrainable(model.Hidden[layer].Unit)).ToList();
        LowestTrainedLayer = trained.Count > 0 ? trained[0] : model.Hidden.Count;
        Segments = MakeSegments();
    }

    /// <summary>Backward ends at this layer; the count of layers if the head alone is trained.</summary>
    public int LowestTrainedLayer { get; }

    /// <summary>The segments of backward, last first, as (first layer, count).</summary>
    public IReadOnlyList<(int First, int Count)> Segments { get; }

    /// <summary>What becomes of a layer's activations; an embedding has none to keep.</summary>
    /// <param name="layer">Index into <see cref="ModelDefinition.Hidden"/>.</param>
    public ActivationPolicy PolicyOf(int layer) =>
        layer < LowestTrainedLayer || _model.Hidden[layer].Template.IsEmbedding ? ActivationPolicy.Recompute : _policy(layer);

    /// <summary>How many inputs of one micro-batch move out to host memory.</summary>
    public int MovedInputs => Segments.Count(segment => PolicyOf(segment.First) == ActivationPolicy.MoveOut);

    /// <summary>How many gradients of a unit one micro-batch gives: 2 for a trained tied embedding, else 1; 0 for a frozen unit.</summary>
    public int GradientsPerMicroBatch(int unit) => !_isTrainable(unit) ? 0
        : _model.Hidden.Count(binding => binding.Unit == unit) + (_model.Head.Unit == unit ? 1 : 0);

    /// <summary>The visits of one micro-batch, in order.</summary>
    public IEnumerable<UnitVisit> Visits(StepScope step, MicroBatchScope microBatch)
    {
        ArgumentNullException.ThrowIfNull(step);
        var training = step.Purpose == StepPurpose.Train;
        var layers = _model.Hidden.Count;
        var kept = training ? Segments.Select(segment => segment.First).ToHashSet() : [];
        var turn = 0;
        for (var layer = 0; layer < layers; layer++)
        {
            var binding = _model.Hidden[layer];
            yield return new UnitVisit
            {
                Step = step,
                MicroBatch = microBatch,
                Unit = binding.Unit,
                Layout = _model.Units[binding.Unit],
                Pass = UnitPass.Forward,
                Layer = layer,
                Turn = turn++,
                KeepsInput = kept.Contains(layer),
                KeepsTape = kept.Contains(layer) && PolicyOf(layer) == ActivationPolicy.Keep,
                MovesInput = kept.Contains(layer) && PolicyOf(layer) == ActivationPolicy.MoveOut,
                OpensMicroBatch = layer == 0,
            };
        }

        yield return new UnitVisit
        {
            Step = step,
            MicroBatch = microBatch,
            Unit = _model.Head.Unit,
            Layout = _model.Units[_model.Head.Unit],
            Pass = UnitPass.Head,
            Layer = layers,
            Turn = turn++,
            GivesGradient = training && _isTrainable(_model.Head.Unit),
            OpensMicroBatch = layers == 0,
            ClosesMicroBatch = !training || Segments.Count == 0,
        };

        if (!training) yield break;
        foreach (var (first, count) in Segments)
        {
            for (var i = 0; i < count; i++)
            {
                var binding = _model.Hidden[first + i];
                yield return new UnitVisit
                {
                    Step = step,
                    MicroBatch = microBatch,
                    Unit = binding.Unit,
                    Layout = _model.Units[binding.Unit],
                    Pass = UnitPass.Backward,
                    Layer = first + i,
                    Turn = turn + i,
                    BackwardTurn = turn + count + (count - 1 - i),
                    NeedsWeights = binding.Template.BackwardNeedsWeights,
                    GivesGradient = _isTrainable(binding.Unit),
                    BeginsSegment = i == 0,
                    EndsSegment = i == count - 1,
                    KeepsTape = PolicyOf(first) == ActivationPolicy.Keep,
                    MovesInput = i == 0 && PolicyOf(first) == ActivationPolicy.MoveOut,
                    ClosesMicroBatch = first + i == LowestTrainedLayer,
                };
            }

            turn += 2 * count;
        }
    }

    private List<(int First, int Count)> MakeSegments()
    {
        var segments = new List<(int First, int Count)>();
        for (var first = LowestTrainedLayer; first < _model.Hidden.Count;)
        {
            // An embedding is a segment of its own: its input is the token ids, nothing is kept for it.
            var policy = PolicyOf(first);
            var longest = _model.Hidden[first].Template.IsEmbedding || policy == ActivationPolicy.Keep ? 1 : Math.Min(_interval, _model.Hidden.Count - first);
            var count = 1;
            while (count < longest && PolicyOf(first + count) == policy) count++;
            segments.Add((first, count));
            first += count;
        }

        segments.Reverse();
        return segments;
    }
}
