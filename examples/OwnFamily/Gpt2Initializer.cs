using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;
using Horizon.Flow.Models;

namespace Horizon.Examples;

/// <summary>GPT-2's initial values: norms 1 and 0, biases 0, matrices normal, those before a residual sum narrower by the root of their number.</summary>
/// <param name="config">The model.</param>
public sealed class Gpt2Initializer(ModelConfig config)
{
    /// <summary>Fills a piece of a parameter; what it holds depends on seed, name and place alone.</summary>
    public void Fill(ParameterSlot parameter, long seed, long offset, Span<float> values)
    {
        ArgumentNullException.ThrowIfNull(parameter);
        if (parameter.Shape.Count == 1)
        {
            values.Fill(parameter.Role.EndsWith(".bias", StringComparison.Ordinal) ? 0 : 1);
            return;
        }

        var deviation = config.InitializerRange / (parameter.Role.EndsWith("c_proj.weight", StringComparison.Ordinal) ? Math.Sqrt(2 * config.LayerCount) : 1);
        for (var first = 0; first < values.Length; first += HostWorkers.ChunkElements)
        {
            var random = new Random(Hash(parameter.TensorName, seed, offset + first));
            foreach (ref var value in values.Slice(first, Math.Min(HostWorkers.ChunkElements, values.Length - first)))
                value = (float)(deviation * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
        }
    }

    // FNV-1a: the same in every process, unlike string.GetHashCode.
    private static int Hash(string name, long seed, long offset)
    {
        var hash = 2166136261u;
        foreach (var letter in $"{name} {seed} {offset}") hash = unchecked((hash ^ letter) * 16777619u);
        return unchecked((int)hash);
    }
}
