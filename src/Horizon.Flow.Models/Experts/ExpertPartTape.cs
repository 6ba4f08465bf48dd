using Horizon.Flow.Host.Store;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Experts;

/// <summary>The rows of a part, and what their experts' backward needs: nothing of it depends on the sum that the part adds to.</summary>
/// <param name="template">The part's.</param>
/// <param name="input">[batch, sequence, carried]; the caller's.</param>
/// <param name="rows">Owned.</param>
/// <param name="tape">Of the rows; owned. Null where there are none.</param>
/// <param name="type">Of the layers.</param>
internal sealed class ExpertPartTape(ExpertPartTemplate template, Tensor input, PartRows rows, IUnitTape? tape, ScalarType type) : IUnitTape
{
    private Tensor? _output;

    /// <inheritdoc/>
    /// <value>Made when it is asked for: backward needs none.</value>
    public Tensor Output => _output ??= Sum();

    /// <inheritdoc/>
    public Tensor? Backward(Tensor outputGradient, ParameterViews? gradients)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        if (tape is null) gradients?.Flat.zero_();
        return template.Differentiate(outputGradient, input, rows, tape, gradients).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    /// <value>Those of experts with rows.</value>
    public IReadOnlyList<GradientRange>? NonzeroOf(UnitLayout gradients) => rows.NonzeroOf(gradients);

    /// <inheritdoc/>
    public void Dispose()
    {
        _output?.Dispose();
        rows.Dispose();
        tape?.Dispose();
    }

    private Tensor Sum()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        return template.Sum(input, rows, tape?.Output, type).DetachFromDisposeScope();
    }
}
