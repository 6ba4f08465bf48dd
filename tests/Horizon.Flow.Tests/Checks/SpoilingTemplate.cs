using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Tests.Checks;

/// <summary>Writes one wrong number into one result of another template, for one micro-batch.</summary>
public sealed class SpoilingTemplate(IUnitTemplate inner, SpoiledResult result, int microBatch, float number) : IUnitTemplate
{
    public bool BackwardNeedsWeights => inner.BackwardNeedsWeights;

    public bool IsEmbedding => inner.IsEmbedding;

    public bool CanBindTapes => inner.CanBindTapes;

    public Tensor Forward(ParameterViews parameters, Tensor? input, DeviceBatch batch) =>
        Spoil(inner.Forward(parameters, input, batch), SpoiledResult.Forward, batch);

    public IUnitTape Recompute(ParameterViews? parameters, Tensor? input, DeviceBatch batch)
    {
        var tape = inner.Recompute(parameters, input, batch);
        if (parameters is not null) Spoil(tape.Output, SpoiledResult.Recompute, batch);
        return new Tape(tape, this, batch);
    }

    private Tensor Spoil(Tensor values, SpoiledResult where, DeviceBatch batch)
    {
        using var noGrad = no_grad();
        using var flat = values.detach().view(-1);
        if (where == result && batch.Index == microBatch) flat.narrow(0, flat.numel() - 1, 1).FillInPlace(number).Dispose();
        return values;
    }

    private sealed class Tape(IUnitTape inner, SpoilingTemplate owner, DeviceBatch batch) : IUnitTape
    {
        public Tensor Output => inner.Output;

        public Tensor TakeOutput() => inner.TakeOutput();

        public void Bind(ParameterViews? parameters) => inner.Bind(parameters);

        public Tensor? Backward(Tensor outputGradient, ParameterViews? gradients)
        {
            var inputGradient = inner.Backward(outputGradient, gradients);
            if (inputGradient is not null) owner.Spoil(inputGradient, SpoiledResult.InputGradient, batch);
            if (gradients is not null) owner.Spoil(gradients.Flat, SpoiledResult.ParameterGradient, batch);
            return inputGradient;
        }

        public void Dispose() => inner.Dispose();
    }
}
