using System.Globalization;

namespace Horizon.Flow.Soak;

/// <summary>What is trained in a round, and what may change from start to start because it changes no result.</summary>
internal sealed record RoundSettings(string Optimizer, string Precision, double MaxGradNorm, int Accumulation, int EverySteps, int Ranks)
{
    public const int Steps = 150;

    private static readonly string[] Optimizers = ["adamw", "muon", "adafactor", "lion", "adamw8bit", "sgd"];

    public static RoundSettings Draw(int round, Random random, int ranks) =>
        new(Optimizers[round % Optimizers.Length], round % 2 == 0 ? "fp32" : "bf16", random.Next(2), ranks * random.Next(1, 3), random.Next(1, 3), ranks);

    /// <summary>A configuration; every call draws other capacities.</summary>
    public string Yaml(string output, bool checkpoints, Random random)
    {
        return string.Create(CultureInfo.InvariantCulture, $$"""
            model:      { path: {{Quickstart.Model}} }
            data:       { path: {{Quickstart.Text("held-out.txt")}}, sequence_length: 64 }
            training:   { batch_size: 2, gradient_accumulation: {{Accumulation}}, max_steps: {{Steps}}, epochs: 9, precision: {{Precision}}, max_grad_norm: {{MaxGradNorm}}, recompute_interval: {{random.Next(1, 4)}} }
            optimizer:  { name: {{Optimizer}}, learning_rate: 1e-3 }
            schedule:   { name: cosine, warmup_steps: 20 }
            checkpoint: { every_steps: {{(checkpoints ? EverySteps : 0)}}, keep: {{random.Next(1, 4)}} }
            output:     { directory: {{output}} }
            device:     cpu
            pipeline:   { device_buffers: {{random.Next(1, 5)}}, gradient_slabs: {{random.Next(1, 5)}}, checkpoint_buffers: {{random.Next(0, 3)}} }

            """);
    }
}
