using static TorchSharp.torch;

namespace Horizon.Flow.Units;

/// <summary>
/// A template whose backward is derived by autograd: a unit of your own overrides <see cref="Compute(ParameterViews, Tensor?, DeviceBatch)"/> and nothing else. The
/// graph that autograd records begins at the unit's own input and parameters and ends at its output, so none spans two units.
/// </summary>
public abstract class AutogradTemplate : IUnitTemplate
{
    /// <inheritdoc/>
    public virtual bool BackwardNeedsWeights => true;

    /// <inheritdoc/>
    public virtual bool IsEmbedding => false;

    /// <inheritdoc/>
    public virtual int LongestRecall => 0;

    /// <inheritdoc/>
    public Tensor Forward(ParameterViews parameters, Tensor? input, DeviceBatch batch)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var record = new UnitRecord();
        var output = Compute(parameters, input, batch, record);
        return (ReferenceEquals(output, input) ? output.clone() : output).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public IUnitTape Recompute(ParameterViews? parameters, Tensor? input, DeviceBatch batch)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(batch);
        return new AutogradTape(parameters.AsLeaves(), input, batch.Operators.IsDeterministic, (leaves, leaf, record) => Compute(leaves, leaf, batch, record));
    }

    /// <summary>
    /// The unit's operators, out of place. Temporaries are disposed by the caller's scope; tensors of the parameters, the input and
    /// the batch must not be disposed or changed here.
    /// </summary>
    /// <param name="parameters">The unit's weights.</param>
    /// <param name="input">[batch, sequence, hidden]; null for an embedding.</param>
    /// <param name="batch">Ids, positions and mask.</param>
    /// <returns>[batch, sequence, hidden].</returns>
    protected abstract Tensor Compute(ParameterViews parameters, Tensor? input, DeviceBatch batch);

    /// <summary>The same for a unit that adds to the loss by itself, or has steps whose backward is written out; by default none does.</summary>
    /// <param name="parameters">The unit's weights.</param>
    /// <param name="input">[batch, sequence, hidden]; null for an embedding.</param>
    /// <param name="batch">Ids, positions and mask.</param>
    /// <param name="record">Takes its losses and runs its steps.</param>
    /// <returns>[batch, sequence, hidden].</returns>
    protected virtual Tensor Compute(ParameterViews parameters, Tensor? input, DeviceBatch batch, UnitRecord record) => Compute(parameters, input, batch);
}
