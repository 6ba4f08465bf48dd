using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Bench;

/// <summary>A device's operators less some, to compare what they are good for.</summary>
/// <param name="inner">The device's.</param>
/// <param name="groups">Whether it multiplies groups of rows; otherwise each expert is a product of its own.</param>
/// <param name="delta">Whether it has kernels of linear attention; otherwise that is libtorch's operators.</param>
internal sealed class PartialOperators(IUnitOperators inner, bool groups = true, bool delta = true) : IUnitOperators
{
    public bool FusesCrossEntropy => inner.FusesCrossEntropy;

    public bool AttendsByDocument => inner.AttendsByDocument;

    public bool AttendsByRow => inner.AttendsByRow;

    public bool IsDeterministic => inner.IsDeterministic;

    public IFp8Operators? Fp8 => inner.Fp8;

    public IDeltaOperators? Delta => delta ? inner.Delta : null;

    public bool MultipliesGroups(ScalarType type) => groups && inner.MultipliesGroups(type);

    public int Multiprocessors => inner.Multiprocessors;

    public NormResult Norm(Tensor x, Tensor? added, Tensor weight, double epsilon) => inner.Norm(x, added, weight, epsilon);

    public Tensor NormBackward(Tensor gradient, Tensor x, Tensor weight, Tensor inverse, Tensor? added, Tensor? weightGradient) => inner.NormBackward(gradient, x, weight, inverse, added, weightGradient);

    public void Rotate(Tensor heads, long count, Tensor cosine, Tensor sine, bool backwards) => inner.Rotate(heads, count, cosine, sine, backwards);

    public Tensor JoinHeads(Tensor query, Tensor key, Tensor value, Tensor cosine, Tensor sine) => inner.JoinHeads(query, key, value, cosine, sine);

    public Tensor Gate(Tensor gateAndUp) => inner.Gate(gateAndUp);

    public void GateBackward(Tensor gradient, Tensor gateAndUp) => inner.GateBackward(gradient, gateAndUp);

    public (Tensor? Gradient, Tensor Losses) CrossEntropy(Tensor logits, Tensor labels, double? scale, double smoothing = 0) => inner.CrossEntropy(logits, labels, scale, smoothing);
}
