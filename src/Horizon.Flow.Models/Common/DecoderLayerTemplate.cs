using Horizon.Flow.Models.Adapters;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models.Fp8;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Common;

/// <summary>
/// A decoder layer of the Llama kind, as transformers computes it: h = x + attention(norm(x)), y = h + feed-forward(norm(h)),
/// with grouped-query attention, rotary embedding and SwiGLU; biases, norms on query and key heads and a sliding window as the
/// configuration says. Its backward is written out (<see cref="DecoderLayerTape"/>): weight gradients go straight into the flat
/// gradient, and what lies between the products is computed by the device's own operators.
/// </summary>
public sealed class DecoderLayerTemplate : IUnitTemplate
{
    private readonly ModelConfig _config;
    private readonly RotaryEmbedding _rotary;
    private readonly int? _slidingWindow;
    private readonly AutogradDecoderLayerTemplate _recalling;
    private readonly Fp8Options? _fp8;

    /// <summary>Creates the operators of all layers with this window.</summary>
    /// <param name="config">Numbers of heads and widths.</param>
    /// <param name="rotary">Shared by the layers of a model.</param>
    /// <param name="slidingWindow">A token sees this many tokens, itself included; null for all.</param>
    public DecoderLayerTemplate(ModelConfig config, RotaryEmbedding rotary, int? slidingWindow)
        : this(config, rotary, slidingWindow, null)
    {
    }

    private DecoderLayerTemplate(ModelConfig config, RotaryEmbedding rotary, int? slidingWindow, Fp8Options? fp8)
    {
        _config = config;
        _rotary = rotary;
        _slidingWindow = slidingWindow;
        _fp8 = fp8;
        _recalling = new AutogradDecoderLayerTemplate(config, rotary, slidingWindow);
    }

    /// <inheritdoc/>
    public bool BackwardNeedsWeights => true;

    /// <inheritdoc/>
    public bool IsEmbedding => false;

    /// <inheritdoc/>
    public bool CanBindTapes => true;

    /// <inheritdoc/>
    public bool CanNarrowTapes => _fp8 is null;

    /// <inheritdoc/>
    public bool MultipliesInFp8 => _fp8 is not null;

    /// <inheritdoc/>
    public int LongestRecall => _recalling.LongestRecall;

    /// <inheritdoc/>
    public Tensor Forward(ParameterViews parameters, Tensor? input, DeviceBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        if (batch.Recall is not null) return _recalling.Forward(parameters, input, batch);
        using var scope = NewDisposeScope();
        using var tape = Tape(parameters, input, batch, backward: false);
        var output = tape.TakeOutput();
        scope.Attach(output);
        return output.MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public IUnitTape Recompute(ParameterViews? parameters, Tensor? input, DeviceBatch batch) => Tape(parameters, input, batch, backward: true);

    /// <inheritdoc/>
    public long TapeBytes(UnitLayout unit, BatchShape batch) => Memory(batch).Tape;

    /// <inheritdoc/>
    public long KeptTapeBytes(UnitLayout unit, BatchShape batch) => Memory(batch).KeptTape;

    /// <inheritdoc/>
    public long ResumedTapeBytes(UnitLayout unit, BatchShape batch) => Memory(batch).ResumedTape;

    /// <inheritdoc/>
    public long NarrowTapeBytes(UnitLayout unit, BatchShape batch) => Memory(batch).NarrowTape;

    /// <inheritdoc/>
    /// <value>The products of gate and up.</value>
    public double NarrowOperations(UnitLayout unit)
    {
        ArgumentNullException.ThrowIfNull(unit);
        return 2.0 * unit.Parameters.Where(slot => slot.Role is Roles.Gate or Roles.Up).Sum(slot => slot.Count);
    }

    /// <inheritdoc/>
    public long WorkingBytes(UnitLayout unit, BatchShape batch) => Memory(batch).Working;

    /// <inheritdoc/>
    public long ForwardBytes(UnitLayout unit, BatchShape batch) => Memory(batch).Forward;

    /// <inheritdoc/>
    /// <value>The outputs of gate or up, or what attention's backward sums.</value>
    public long LargestTensorBytes(UnitLayout unit, BatchShape batch) => Memory(batch).LargestTensor;

    /// <inheritdoc/>
    /// <value>Products, and scores and their sums of the tokens that each one sees.</value>
    public double ForwardOperations(UnitLayout unit, double context)
    {
        ArgumentNullException.ThrowIfNull(unit);
        return (2.0 * unit.Parameters.Where(slot => slot.Shape.Count > 1).Sum(slot => slot.Count)) + AttentionOperations.Of(_config, _slidingWindow, context);
    }

    /// <inheritdoc/>
    /// <value>As many as the products have, and those of adapters.</value>
    public double NumbersBetween(UnitLayout unit, int hidden)
    {
        ArgumentNullException.ThrowIfNull(unit);
        return (ForwardOperations(unit, 0) / (2.0 * hidden)) + AdapterLayout.NumbersBetween(unit);
    }

    /// <summary>The same with products in fp8. Texts are generated as before, in the type of the weights.</summary>
    /// <exception cref="HorizonException">The widths do not fit it.</exception>
    internal DecoderLayerTemplate WithFp8(Fp8Options options)
    {
        Fp8Rules.Check(_config, options);
        return new(_config, _rotary, _slidingWindow, options);
    }

    private IUnitTape Tape(ParameterViews? parameters, Tensor? input, DeviceBatch batch, bool backward)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(batch);
        if (_fp8 is null) return new DecoderLayerTape(_config, _rotary, _slidingWindow, parameters, input, batch);
        Fp8Rules.Check(batch);
        return new Fp8LayerTape(_config, _rotary, _slidingWindow, _fp8, parameters, input, batch, backward);
    }

    private DecoderLayerMemory Memory(BatchShape batch) => new(_config, _slidingWindow, batch, _fp8);
}
