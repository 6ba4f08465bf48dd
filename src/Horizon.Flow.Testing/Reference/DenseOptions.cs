namespace Horizon.Flow.Testing;

/// <summary>Settings of <see cref="DenseTrainer"/>; weight decay applies to every parameter.</summary>
public sealed record DenseOptions
{
    /// <summary>What everything is computed in: fp32, or fp64 to see another program's rounding.</summary>
    public TorchSharp.torch.ScalarType Type { get; init; } = TorchSharp.torch.ScalarType.Float32;

    /// <summary>Of every step, unless <see cref="DenseTrainer.LearningRate"/> is set.</summary>
    public double LearningRate { get; init; } = 1e-3;

    /// <summary>Decay of the first moment.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>Decay of the second moment.</summary>
    public double Beta2 { get; init; } = 0.95;

    /// <summary>Added to the root of the second moment.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>Decoupled, as in AdamW.</summary>
    public double WeightDecay { get; init; } = 0.1;

    /// <summary>The sum of the losses of a micro-batch, from its logits [rows, sequence, vocabulary]; cross-entropy of its targets by default.</summary>
    public Func<TorchSharp.torch.Tensor, MicroBatch, TorchSharp.torch.Tensor>? LossSum { get; init; }

    /// <summary>What a micro-batch's losses are averaged over; its labelled tokens by default.</summary>
    public Func<MicroBatch, long> LossCount { get; init; } = batch => batch.LabelledTokens;

    /// <summary>Clip the global norm to this; null not to clip.</summary>
    public double? MaxGradNorm { get; init; } = 1.0;
}
