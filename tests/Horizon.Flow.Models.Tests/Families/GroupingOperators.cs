using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Tests.Families;

/// <summary>libtorch's operators on the CPU, and what a GPU has besides: products of groups, which the CPU knows, too, expert by expert.</summary>
internal sealed class GroupingOperators : IUnitOperators
{
    private readonly EagerOperators _plain = new();

    public bool FusesCrossEntropy => _plain.FusesCrossEntropy;

    public bool MultipliesGroups(ScalarType type) => true;

    public NormResult Norm(Tensor x, Tensor? added, Tensor weight, double epsilon) => _plain.Norm(x, added, weight, epsilon);

    public Tensor NormBackward(Tensor gradient, Tensor x, Tensor weight, Tensor inverse, Tensor? added, Tensor? weightGradient) => _plain.NormBackward(gradient, x, weight, inverse, added, weightGradient);

    public void Rotate(Tensor heads, long count, Tensor cosine, Tensor sine, bool backwards) => _plain.Rotate(heads, count, cosine, sine, backwards);

    public Tensor Gate(Tensor gateAndUp) => _plain.Gate(gateAndUp);

    public void GateBackward(Tensor gradient, Tensor gateAndUp) => _plain.GateBackward(gradient, gateAndUp);

    public (Tensor? Gradient, Tensor Losses) CrossEntropy(Tensor logits, Tensor labels, double? scale, double smoothing = 0) => _plain.CrossEntropy(logits, labels, scale, smoothing);
}
