using Horizon.Flow.Activations;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Models;
using Horizon.Flow.Testing;

namespace Horizon.Flow.Bench;

/// <summary>A random model with random data and settings.</summary>
internal sealed record CheckCase(string Name, ModelConfig Config, int Rows, int Sequence, int Seed)
{
    public bool Packed { get; init; }

    /// <summary>Tokens that the first document of a packed row has at least.</summary>
    public int FirstDocument { get; init; }

    public int Steps { get; init; } = 3;

    public int MicroBatches { get; init; } = 1;

    public bool Clip { get; init; } = true;

    public int Interval { get; init; } = 1;

    public PipelineOptions Pipeline { get; init; } = new();

    public Func<int, ActivationPolicy> Activations { get; init; } = _ => ActivationPolicy.Recompute;

    public const double LearningRate = 1e-3;

    public const double Epsilon = 1e-4;

    public double? MaximumNorm => Clip ? 0.5 : null;

    /// <remarks>eps is large so that noise in gradients that are almost zero is not blown up to the size of a step.</remarks>
    public TrainingOptions Options => new()
    {
        Optimizer = OptimizerFactory.Create("adamw", new OptimizerOptions { Betas = (0.9, 0.95), Epsilon = Epsilon, WeightDecay = 0.1 }),
        LearningRate = _ => LearningRate,
        MaxGradientNorm = MaximumNorm,
        GradientAccumulation = MicroBatches,
        RecomputeInterval = Interval,
        Activations = Activations,
        Pipeline = Pipeline with { DeviceBuffers = Math.Max(Pipeline.DeviceBuffers, Interval) },
    };

    /// <summary>Random models that between them have every feature; the same for the same seed.</summary>
    public static IEnumerable<CheckCase> Some(int seed, int count)
    {
        for (var i = 0; i < count; i++)
        {
            var random = new Random(Seeds.Mix(seed, i));
            var headWidth = new[] { 16, 32, 64, 128, 24, 64 }[i % 6];
            var (keys, groups) = (1 + random.Next(3), 1 + random.Next(4));
            var layers = 2 + random.Next(3);
            var (bias, norm, packed) = (i % 2 == 0, i % 3 == 1, i % 4 == 2);
            var window = i % 5 == 3 ? 5 + random.Next(20) : (int?)null;
            var config = new ModelConfig
            {
                Architecture = "LlamaForCausalLM",
                LayerCount = layers,
                HeadCount = keys * groups,
                KeyValueHeadCount = keys,
                HeadDimension = headWidth,
                HiddenSize = 8 * (4 + random.Next(28)),
                IntermediateSize = 8 * (4 + random.Next(48)),
                VocabularySize = 50 + random.Next(2000),
                MaximumSequenceLength = 4096,
                TiedHead = i % 2 == 1,
                QueryKeyValueBias = bias,
                QueryKeyNorm = norm,
                SlidingWindows = window is null ? [] : [.. Enumerable.Range(0, layers).Select(layer => layer % 2 == 0 ? window : null)],
                PaddingToken = i % 3 == 0 ? 3 : null,
                Rope = new RopeConfig { Theta = 10_000 },
            };
            yield return new CheckCase(
                $"#{i} {(config.TiedHead ? "tied" : "untied")}, {keys}x{groups} heads of {headWidth}, hidden {config.HiddenSize}{(bias ? ", bias" : "")}{(norm ? ", qk-norm" : "")}{(packed ? ", packed" : "")}{(window is null ? "" : ", window")}, interval {1 + (i % 3)}",
                config, 1 + random.Next(4), 8 + random.Next(120), Seeds.Mix(seed, i))
            {
                Packed = packed,
                MicroBatches = 1 + (i % 2),
                Clip = i % 3 != 2,
                Interval = 1 + (i % 3),
                Pipeline = AnyCapacities(random),
            };
        }
    }

    public static Func<int, ActivationPolicy> AnyPolicies(Random random)
    {
        var policies = Enum.GetValues<ActivationPolicy>();
        var chosen = Enumerable.Range(0, 8).Select(_ => policies[random.Next(policies.Length)]).ToArray();
        return layer => chosen[layer % chosen.Length];
    }

    public static PipelineOptions AnyCapacities(Random random) => new()
    {
        DeviceBuffers = 1 + random.Next(4),
        GradientBuffers = 1 + random.Next(3),
        GradientSlabs = 1 + random.Next(4),
        FetchAhead = 1 + random.Next(4),
        StageCapacity = 1 + random.Next(4),
    };
}
