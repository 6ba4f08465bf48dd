using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Alignment;

/// <summary>
/// An objective whose loss is a function of the labels' log-probabilities: one method says the function, autograd derives it on these few numbers alone, and
/// the model's own head does the rest a chunk of logits at a time.
/// </summary>
/// <remarks>The head goes twice over its chunks: once for the log-probabilities, once for the gradients.</remarks>
public abstract class LogProbabilityObjective : IMeasuredObjective
{
    /// <summary>The names of what <see cref="ObjectiveLoss.Metrics"/> holds.</summary>
    /// <value>None by default.</value>
    public virtual IReadOnlyList<string> MetricNames => [];

    /// <summary>The loss of a micro-batch.</summary>
    /// <param name="logProbabilities">[labelled tokens] fp32, in the order of <see cref="DeviceBatch.LabelledTokens"/>; those of one sequence are neighbours.</param>
    /// <param name="batch">Its columns and lengths, see <see cref="SequenceSums"/>.</param>
    /// <returns>The sum of the losses over what <see cref="Count"/> counts. Temporaries are disposed by the caller's scope.</returns>
    public abstract ObjectiveLoss Loss(Tensor logProbabilities, DeviceBatch batch);

    /// <inheritdoc/>
    public virtual long Count(MicroBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        return batch.LabelledTokens;
    }

    /// <inheritdoc/>
    public IHeadTemplate Head(IHeadTemplate head)
    {
        ArgumentNullException.ThrowIfNull(head);
        return new LogProbabilityHead(head, this);
    }
}
