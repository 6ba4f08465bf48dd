namespace Horizon.Flow.Tests.Reference;

/// <summary>Settings of <see cref="DenseTrainer"/>; weight decay applies to every parameter.</summary>
public sealed record DenseOptions
{
    /// <summary>What everything is computed in: fp32, or fp64 to see another program's rounding.</summary>
    public TorchSharp.torch.ScalarType Type { get; init; } = TorchSharp.torch.ScalarType.Float32;

    public double LearningRate { get; init; } = 1e-3;

    public double Beta1 { get; init; } = 0.9;

    public double Beta2 { get; init; } = 0.95;

    public double Epsilon { get; init; } = 1e-8;

    public double WeightDecay { get; init; } = 0.1;

    /// <summary>Clip the global norm to this; null not to clip.</summary>
    public double? MaxGradNorm { get; init; } = 1.0;
}
