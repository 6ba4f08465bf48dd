using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Tests;

/// <summary>The eager operators, and how many rows of logits each cross-entropy was given.</summary>
public sealed class ChunkRecorder : IUnitOperators
{
    private readonly EagerOperators _operators = new();

    /// <summary>One entry a chunk.</summary>
    public List<long> Rows { get; } = [];

    public bool FusesCrossEntropy => _operators.FusesCrossEntropy;

    public NormResult Norm(Tensor x, Tensor? added, Tensor weight, double epsilon) => _operators.Norm(x, added, weight, epsilon);

    public Tensor NormBackward(Tensor gradient, Tensor x, Tensor weight, Tensor inverse, Tensor? added, Tensor? weightGradient) =>
        _operators.NormBackward(gradient, x, weight, inverse, added, weightGradient);

    public void Rotate(Tensor heads, long count, Tensor cosine, Tensor sine, bool backwards) => _operators.Rotate(heads, count, cosine, sine, backwards);

    public Tensor Gate(Tensor gateAndUp) => _operators.Gate(gateAndUp);

    public void GateBackward(Tensor gradient, Tensor gateAndUp) => _operators.GateBackward(gradient, gateAndUp);

    public (Tensor? Gradient, Tensor Losses) CrossEntropy(Tensor logits, Tensor labels, double? scale, double smoothing = 0)
    {
        Rows.Add(logits.shape[0]);
        return _operators.CrossEntropy(logits, labels, scale, smoothing);
    }
}
