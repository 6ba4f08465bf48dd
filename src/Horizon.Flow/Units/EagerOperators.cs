using static TorchSharp.torch;

namespace Horizon.Flow.Units;

/// <summary>The operators between matrix products as compositions of libtorch's own: for every device, type and width.</summary>
public sealed class EagerOperators : IUnitOperators
{
    /// <summary>Leaves fp8 to libtorch's operators too: numbers are rounded to it, and multiplied in fp32.</summary>
    public EagerOperators() => Fp8 = new EagerFp8Operators(this);

    /// <inheritdoc/>
    public bool FusesCrossEntropy => false;

    /// <inheritdoc/>
    public bool IsDeterministic { get; init; } = true;

    /// <inheritdoc/>
    public IFp8Operators? Fp8 { get; init; }

    /// <inheritdoc/>
    public NormResult Norm(Tensor x, Tensor? added, Tensor weight, double epsilon)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(weight);
        using var scope = NewDisposeScope();
        var sum = added is null ? x : x.Plus(added).MoveToOuterDisposeScope();
        var found = RowPieces.Of(x, [(x.shape[1], x.dtype), (1, float32)], part =>
        {
            var wide = part(sum).to(float32);
            var inverse = rsqrt(wide.Squared().mean([-1], keepdim: true).Plus(epsilon));
            return [weight * (wide * inverse).to(x.dtype), inverse];
        });
        return new(sum, found[0].MoveToOuterDisposeScope(), found[1].MoveToOuterDisposeScope());
    }

    /// <inheritdoc/>
    public Tensor NormBackward(Tensor gradient, Tensor x, Tensor weight, Tensor inverse, Tensor? added, Tensor? weightGradient)
    {
        ArgumentNullException.ThrowIfNull(gradient);
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(weight);
        using var scope = NewDisposeScope();
        var found = RowPieces.Of(x, weightGradient is null ? [(x.shape[1], x.dtype)] : [(x.shape[1], x.dtype), (x.shape[1], float32)], part =>
        {
            var wide = part(gradient).to(float32);
            var unit = part(x).to(float32) * part(inverse);
            var weighted = wide * weight.to(float32);
            var result = part(inverse) * (weighted - (unit * (weighted * unit).mean([-1], keepdim: true)));
            if (added is not null) result.AddInPlace(part(added));
            return weightGradient is null ? [result.to(x.dtype)] : [result.to(x.dtype), wide * unit];
        });
        // The sum over all rows at once has the same bits whatever these were cut into.
        weightGradient?.copy_(found[1].sum([0]));
        return found[0].MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Rotate(Tensor heads, long count, Tensor cosine, Tensor sine, bool backwards)
    {
        ArgumentNullException.ThrowIfNull(heads);
        ArgumentNullException.ThrowIfNull(cosine);
        ArgumentNullException.ThrowIfNull(sine);
        RowPieces.Of(heads, [], part =>
        {
            var turned = part(heads).narrow(1, 0, count);
            var swapped = turned.roll(heads.shape[2] / 2, -1).mul_(part(sine));
            turned.mul_(part(cosine));
            if (backwards) turned.sub_(swapped);
            else turned.AddInPlace(swapped);
            return [];
        });
    }

    /// <inheritdoc/>
    public Tensor Gate(Tensor gateAndUp)
    {
        ArgumentNullException.ThrowIfNull(gateAndUp);
        using var scope = NewDisposeScope();
        var half = gateAndUp.shape[1] / 2;
        return nn.functional.silu(gateAndUp.narrow(1, 0, half)).mul_(gateAndUp.narrow(1, half, half)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void GateBackward(Tensor gradient, Tensor gateAndUp)
    {
        ArgumentNullException.ThrowIfNull(gradient);
        ArgumentNullException.ThrowIfNull(gateAndUp);
        var half = gateAndUp.shape[1] / 2;
        RowPieces.Of(gateAndUp, [], part =>
        {
            var (both, found) = (part(gateAndUp), part(gradient));
            var gated = Gate(both);
            var (gate, up) = (both.narrow(1, 0, half), both.narrow(1, half, half));
            var (wideGate, wideGradient) = (gate.to(float32), found.to(float32));
            var sigmoid = wideGate.sigmoid();
            var upGradient = wideGradient * wideGate * sigmoid;
            // silu' = sigmoid * (1 + x * (1 - sigmoid)).
            gate.copy_(wideGradient * up.to(float32) * sigmoid * (wideGate * sigmoid.SubtractedFrom(1)).Plus(1));
            up.copy_(upGradient);
            found.copy_(gated);
            return [];
        });
    }

    /// <inheritdoc/>
    public (Tensor? Gradient, Tensor Losses) CrossEntropy(Tensor logits, Tensor labels, double? scale, double smoothing = 0)
    {
        ArgumentNullException.ThrowIfNull(logits);
        ArgumentNullException.ThrowIfNull(labels);
        using var scope = NewDisposeScope();
        var losses = RowPieces.Of(logits, [(1, float32)], part => [CrossEntropyOf(part(logits), part(labels), scale, smoothing)])[0];
        return (scale is null ? null : logits, losses.squeeze(1).MoveToOuterDisposeScope());
    }

    // [C, 1]: the losses; the logits become their gradient, where a scale asks for it.
    private static Tensor CrossEntropyOf(Tensor logits, Tensor labels, double? scale, double smoothing)
    {
        var column = labels.unsqueeze(1);
        var wide = logits.to(float32);
        wide.sub_(wide.amax([-1], keepdim: true));
        var picked = wide.gather(1, column);
        // Of all targets, where some of it lies evenly on all tokens.
        var aimed = smoothing == 0 ? picked : picked.Times(1 - smoothing).Plus(wide.mean([-1L], keepdim: true).Times(smoothing));
        var total = wide.exp_().sum(-1, keepdim: true);
        var losses = total.log() - aimed;
        if (scale is not { } factor) return losses;
        var gradient = wide.mul_(total.Dividing(factor)).scatter_add_(1, column, picked.With(-factor * (1 - smoothing), static (x, value) => full_like(x, value)));
        if (smoothing > 0) gradient.With(factor * smoothing / logits.shape[1], static (x, value) => x.sub_(value));
        if (logits.dtype != float32) logits.copy_(gradient);
        return losses;
    }
}
