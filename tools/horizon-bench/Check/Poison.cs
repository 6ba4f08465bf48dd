using Horizon.Flow.Host.Store;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Bench;

/// <summary>
/// The templates of a model, each of which leaves NaN behind: over the weights after their last use, over the gradient buffer before it
/// writes. A kernel that runs before its upload has landed, an upload that overtakes the last reader, a download that leaves early and
/// a gradient written over one still going down all end in NaN. The blocks between are the real ones.
/// </summary>
internal static class Poison
{
    public static ModelDefinition Wrap(ModelDefinition model) => new()
    {
        Architecture = model.Architecture,
        Units = model.Units,
        Hidden = [.. model.Hidden.Select(binding => binding with { Template = new Unit(binding.Template) })],
        Head = model.Head with { Template = new Head(model.Head.Template) },
        HiddenSize = model.HiddenSize,
        VocabularySize = model.VocabularySize,
        MaximumSequenceLength = model.MaximumSequenceLength,
        Initialize = model.Initialize,
    };

    private static void Fill(ParameterViews? views)
    {
        using var noGrad = no_grad();
        views?.Flat.FillInPlace(float.NaN);
    }

    private sealed class Unit(IUnitTemplate inner) : IUnitTemplate
    {
        public bool BackwardNeedsWeights => inner.BackwardNeedsWeights;

        public bool IsEmbedding => inner.IsEmbedding;

        public bool CanBindTapes => inner.CanBindTapes;

        public Tensor Forward(ParameterViews parameters, Tensor? input, DeviceBatch batch)
        {
            var output = inner.Forward(parameters, input, batch);
            Fill(parameters);
            return output;
        }

        public IUnitTape Recompute(ParameterViews? parameters, Tensor? input, DeviceBatch batch) =>
            new Tape(inner.Recompute(parameters, input, batch), parameters);
    }

    private sealed class Tape(IUnitTape inner, ParameterViews? parameters) : IUnitTape
    {
        private ParameterViews? _parameters = parameters;

        public Tensor Output => inner.Output;

        public Tensor TakeOutput()
        {
            var output = inner.TakeOutput();
            Fill(_parameters);
            return output;
        }

        public void Bind(ParameterViews? parameters)
        {
            _parameters = parameters;
            inner.Bind(parameters);
        }

        public Tensor? Backward(Tensor outputGradient, ParameterViews? gradients)
        {
            Fill(gradients);
            var input = inner.Backward(outputGradient, gradients);
            Fill(_parameters);
            return input;
        }

        public void Dispose() => inner.Dispose();
    }

    private sealed class Head(IHeadTemplate inner) : IHeadTemplate
    {
        public HeadResult Differentiate(ParameterViews parameters, ParameterViews? gradients, Tensor hidden, DeviceBatch batch, double lossScale)
        {
            Fill(gradients);
            var result = inner.Differentiate(parameters, gradients, hidden, batch, lossScale);
            Fill(parameters);
            return result;
        }

        public Tensor LossSum(ParameterViews parameters, Tensor hidden, DeviceBatch batch) => inner.LossSum(parameters, hidden, batch);

        public Tensor Logits(ParameterViews parameters, Tensor hidden) => inner.Logits(parameters, hidden);

        public long WorkingBytes(UnitLayout unit, BatchShape batch) => inner.WorkingBytes(unit, batch);
    }
}
