using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Common;

/// <summary>What tapes of a decoder layer have in common, whatever its products are computed in.</summary>
/// <param name="config">For the biases.</param>
/// <param name="parameters">The layer's weights.</param>
internal abstract class DecoderTape(ModelConfig config, ParameterViews parameters) : IUnitTape
{
    private Tensor? _output;

    /// <summary>Computed when it is asked for: backward alone does not need the last product.</summary>
    public Tensor Output => _output ??= ComputeOutput();

    protected ModelConfig Config => config;

    protected ParameterViews Parameters { get; private set; } = parameters;

    /// <inheritdoc/>
    public Tensor TakeOutput()
    {
        var output = Output;
        _output = null;
        Release();
        return output;
    }

    /// <inheritdoc/>
    public virtual void Narrow()
    {
    }

    /// <inheritdoc/>
    public virtual void Bind(ParameterViews? parameters)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        Parameters = parameters;
    }

    /// <inheritdoc/>
    public abstract Tensor? Backward(Tensor outputGradient, ParameterViews? gradients);

    /// <inheritdoc/>
    public virtual void Dispose() => _output?.Dispose();

    protected abstract Tensor ComputeOutput();

    /// <summary>Lets go what can be made again.</summary>
    protected abstract void Release();

    protected Tensor? Bias(bool has, string first, string last) => has ? Parameters.Stacked(first, last) : null;

    protected static void BiasGradient(ParameterViews? gradients, bool has, string first, string last, Tensor dOutput)
    {
        if (has) gradients?.Stacked(first, last).copy_(dOutput.sum([0]));
    }

    protected static Tensor Kept(Tensor tensor) => tensor.DetachFromDisposeScope();
}
