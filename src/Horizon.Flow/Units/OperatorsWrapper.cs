using static TorchSharp.torch;

namespace Horizon.Flow.Units;

/// <summary>Operators that pass everything on to others: the base of those that leave one out, or have one of their own.</summary>
/// <param name="inner">The others.</param>
public abstract class OperatorsWrapper(IUnitOperators inner) : IUnitOperators
{
    /// <inheritdoc/>
    public virtual bool FusesCrossEntropy => inner.FusesCrossEntropy;

    /// <inheritdoc/>
    public virtual bool AttendsByDocument => inner.AttendsByDocument;

    /// <inheritdoc/>
    public virtual bool AttendsByRow => inner.AttendsByRow;

    /// <inheritdoc/>
    public virtual bool IsDeterministic => inner.IsDeterministic;

    /// <inheritdoc/>
    public virtual IFp8Operators? Fp8 => inner.Fp8;

    /// <inheritdoc/>
    public virtual IDeltaOperators? Delta => inner.Delta;

    /// <inheritdoc/>
    public virtual IRowAttention? RowAttention => inner.RowAttention;

    /// <inheritdoc/>
    public virtual int Multiprocessors => inner.Multiprocessors;

    /// <inheritdoc/>
    public virtual bool MultipliesGroups(ScalarType type) => inner.MultipliesGroups(type);

    /// <inheritdoc/>
    public virtual NormResult Norm(Tensor x, Tensor? added, Tensor weight, double epsilon) => inner.Norm(x, added, weight, epsilon);

    /// <inheritdoc/>
    public virtual Tensor NormBackward(Tensor gradient, Tensor x, Tensor weight, Tensor inverse, Tensor? added, Tensor? weightGradient) => inner.NormBackward(gradient, x, weight, inverse, added, weightGradient);

    /// <inheritdoc/>
    public virtual void Rotate(Tensor heads, long count, Tensor cosine, Tensor sine, bool backwards) => inner.Rotate(heads, count, cosine, sine, backwards);

    /// <inheritdoc/>
    public virtual Tensor JoinHeads(Tensor query, Tensor key, Tensor value, Tensor cosine, Tensor sine) => inner.JoinHeads(query, key, value, cosine, sine);

    /// <inheritdoc/>
    public virtual Tensor Gate(Tensor gateAndUp) => inner.Gate(gateAndUp);

    /// <inheritdoc/>
    public virtual void GateBackward(Tensor gradient, Tensor gateAndUp) => inner.GateBackward(gradient, gateAndUp);

    /// <inheritdoc/>
    public virtual (Tensor? Gradient, Tensor Losses) CrossEntropy(Tensor logits, Tensor labels, double? scale, double smoothing = 0) => inner.CrossEntropy(logits, labels, scale, smoothing);
}
