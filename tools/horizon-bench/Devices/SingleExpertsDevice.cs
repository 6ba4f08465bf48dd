using Horizon.Flow.Devices;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Bench;

/// <summary>A device that multiplies no groups of rows, to compare grouped products with: each expert is a product of its own.</summary>
internal sealed class SingleExpertsDevice(IComputeDevice inner) : DeviceWrapper(inner)
{
    public override IUnitOperators Operators { get; } = new Single(inner.Operators);

    private sealed class Single(IUnitOperators inner) : IUnitOperators
    {
        public bool FusesCrossEntropy => inner.FusesCrossEntropy;

        public bool AttendsByDocument => inner.AttendsByDocument;

        public bool AttendsByRow => inner.AttendsByRow;

        public bool IsDeterministic => inner.IsDeterministic;

        public IFp8Operators? Fp8 => inner.Fp8;

        public int Multiprocessors => inner.Multiprocessors;

        public NormResult Norm(Tensor x, Tensor? added, Tensor weight, double epsilon) => inner.Norm(x, added, weight, epsilon);

        public Tensor NormBackward(Tensor gradient, Tensor x, Tensor weight, Tensor inverse, Tensor? added, Tensor? weightGradient) => inner.NormBackward(gradient, x, weight, inverse, added, weightGradient);

        public void Rotate(Tensor heads, long count, Tensor cosine, Tensor sine, bool backwards) => inner.Rotate(heads, count, cosine, sine, backwards);

        public Tensor Gate(Tensor gateAndUp) => inner.Gate(gateAndUp);

        public void GateBackward(Tensor gradient, Tensor gateAndUp) => inner.GateBackward(gradient, gateAndUp);

        public (Tensor? Gradient, Tensor Losses) CrossEntropy(Tensor logits, Tensor labels, double? scale, double smoothing = 0) => inner.CrossEntropy(logits, labels, scale, smoothing);
    }
}
