using Horizon.Flow.Host.Store;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Bench;

/// <summary>A model whose units compute nothing: what is left of a step is the graph itself.</summary>
internal static class EmptyModel
{
    public static ModelDefinition Create(int layers, int parametersPerUnit) => new()
    {
        Architecture = "Empty",
        Units = [.. Enumerable.Range(0, layers + 2).Select(i => new UnitLayout(
            i == 0 ? "embedding" : i == layers + 1 ? "head" : $"layer {i - 1}", "unit", [("weight", $"unit{i}.weight", [parametersPerUnit])]))],
        Hidden = [.. Enumerable.Range(0, layers + 1).Select(i => new HiddenBinding(i, new EmptyTemplate(i == 0)))],
        Head = new HeadBinding(layers + 1, new EmptyHead()),
        HiddenSize = 1,
        VocabularySize = 2,
        MaximumSequenceLength = 1,
        Initialize = (_, _, _, values) => values.Clear(),
    };

    public static MicroBatch Batch { get; } = new(1, 1, [0], [1], [0]);

    private sealed class EmptyTemplate(bool isEmbedding) : IUnitTemplate
    {
        public bool BackwardNeedsWeights => !isEmbedding;

        public bool IsEmbedding => isEmbedding;

        public Tensor Forward(ParameterViews parameters, Tensor? input, DeviceBatch batch) =>
            (input?.alias() ?? zeros(1)).DetachFromDisposeScope();

        public IUnitTape Recompute(ParameterViews? parameters, Tensor? input, DeviceBatch batch) =>
            new EmptyTape((input?.alias() ?? zeros(1)).DetachFromDisposeScope());
    }

    private sealed class EmptyTape(Tensor output) : IUnitTape
    {
        public Tensor Output => output;

        public Tensor? Backward(Tensor outputGradient, ParameterViews? gradients)
        {
            gradients?.Flat.zero_();
            return outputGradient.alias().DetachFromDisposeScope();
        }

        public void Dispose() => output.Dispose();
    }

    private sealed class EmptyHead : IHeadTemplate
    {
        public HeadResult Differentiate(ParameterViews parameters, ParameterViews? gradients, Tensor hidden, DeviceBatch batch, double lossScale)
        {
            gradients?.Flat.zero_();
            return new(zeros(1).DetachFromDisposeScope(), hidden.alias().DetachFromDisposeScope());
        }

        public Tensor LossSum(ParameterViews parameters, Tensor hidden, DeviceBatch batch) => zeros(1).DetachFromDisposeScope();

        public Tensor Logits(ParameterViews parameters, Tensor hidden) => zeros(1, 2).DetachFromDisposeScope();

        public long WorkingBytes(UnitLayout unit, BatchShape batch) => 0;
    }
}
