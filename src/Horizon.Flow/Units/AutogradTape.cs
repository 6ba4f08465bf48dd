using Horizon.Flow.Native;
using static TorchSharp.torch;

namespace Horizon.Flow.Units;

/// <summary>One unit's autograd graph, from its own leaves to its output; in parts, where steps lie between whose backward is written out.</summary>
internal sealed class AutogradTape : IUnitTape
{
    private readonly ParameterViews _leaves;
    private readonly Tensor? _input;
    private readonly bool _ordered;
    private readonly UnitRecord _record = new(keeps: true);

    /// <summary>Runs <paramref name="compute"/> with grad mode on. Owns <paramref name="leaves"/> from the start.</summary>
    public AutogradTape(ParameterViews leaves, Tensor? input, bool ordered, Func<ParameterViews, Tensor?, UnitRecord, Tensor> compute)
    {
        (_leaves, _ordered) = (leaves, ordered);
        using var scope = NewDisposeScope();
        using var grad = enable_grad();
        try
        {
            _input = input?.detach().requires_grad_();
            Output = compute(leaves, _input, _record).DetachFromDisposeScope();
            _input?.DetachFromDisposeScope();
            foreach (var loss in _record.Losses) loss.Value.DetachFromDisposeScope();
        }
        catch
        {
            _record.Dispose();
            leaves.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public Tensor Output { get; }

    /// <inheritdoc/>
    public Tensor? Backward(Tensor outputGradient, ParameterViews? gradients)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var used = gradients is null ? [] : _leaves.Used;
        List<Tensor> sources = _input is null ? [] : [_input];
        sources.AddRange(used.Select(leaf => leaf.View));
        using var ordered = DeterministicScope.Enter(outputGradient.device, _ordered);
        var found = sources.Count == 0 ? [] : Differentiate(sources, outputGradient);
        if (gradients is not null) Write(gradients, used, found.Skip(sources.Count - used.Count));
        return _input is null ? null : (Given(found[0]) ?? zeros_like(_input)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!ReferenceEquals(Output, _input)) Output.Dispose();
        _input?.Dispose();
        _record.Dispose();
        _leaves.Dispose();
    }

    // From the last part of the graph to the first: the gradients of its sources, and through the step before it those of the part's ends before that.
    private Tensor?[] Differentiate(List<Tensor> sources, Tensor outputGradient)
    {
        var steps = _record.Steps;
        Tensor[] begins = [.. sources, .. steps.Select(step => step.Output)];
        var sums = new Tensor?[begins.Length];
        Part([Output, .. _record.Losses.Select(loss => loss.Value)], [outputGradient, .. _record.Losses.Select(loss => loss.Gradient())], steps.Count);
        for (var place = steps.Count - 1; place >= 0; place--)
        {
            using var gradient = sums[sources.Count + place];
            if (gradient is null) continue; // nothing depends on it
            var ends = steps[place].Backward(gradient);
            if (ends.Count > 0) Part([.. ends.Select(end => end.Input)], [.. ends.Select(end => end.Gradient)], place);
            foreach (var end in ends) end.Gradient.Dispose();
        }

        return sums[..sources.Count];

        void Part(Tensor[] ends, Tensor[] gradients, int stepsBefore)
        {
            // Parts may share operators: what they kept is needed until the first part is done.
            var found = autograd.grad(ends, begins[..(sources.Count + stepsBefore)], gradients, retain_graph: stepsBefore > 0, allow_unused: true);
            foreach (var (place, gradient) in found.Index())
                if (Given(gradient) is { } given) sums[place] = sums[place] is { } sum ? sum.Plus(given) : given;
        }
    }

    // A parameter may be used alone and as part of a stack, or not at all: then the sum starts from zeros.
    private static void Write(
        ParameterViews gradients, IReadOnlyCollection<(string First, string Last, Tensor View)> used, IEnumerable<Tensor?> found)
    {
        var pairs = used.Zip(found).Where(pair => Given(pair.Second) is not null).ToList();
        var covered = pairs.SelectMany(pair => gradients.Slots(pair.First.First, pair.First.Last)).ToList();
        var once = covered.Count == gradients.Layout.Parameters.Count && covered.Distinct().Count() == covered.Count;
        if (!once) gradients.Flat.zero_();
        foreach (var (leaf, gradient) in pairs)
        {
            var target = gradients.Stacked(leaf.First, leaf.Last);
            if (once) target.copy_(gradient!);
            else target.AddInPlace(gradient!);
        }
    }

    // An unused source comes back as an undefined tensor.
    private static Tensor? Given(Tensor? gradient) => gradient is null || gradient.IsInvalid ? null : gradient;
}
