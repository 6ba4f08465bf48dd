using System.Globalization;
using System.Text;

namespace Horizon.Flow.Tests.Hostile;

/// <summary>Makes hostile files: damaged real ones, ones made to the format, and plain nonsense.</summary>
internal static class HostileFiles
{
    private static readonly string[] Paths =
    [
        "a.safetensors", "b.safetensors", "../outside/c.safetensors", "/etc/passwd", "a/../a.safetensors", "out.safetensors", "loop.safetensors", "far/c.safetensors",
        "inner", "", ".", "..", "C:\\\\a", "a.safetensors\\u0000", "\\ud800", "\\\\\\\\server\\\\share", "~/a", "a.safetensors/", "\\u001b[2J",
    ];

    /// <summary>Mostly damaged seeds, else what the format's own makers give, else nonsense.</summary>
    public static Func<Random, byte[]> From(IReadOnlyList<byte[]> seeds, params Func<Random, byte[]>[] makers) => random => random.Next(10) switch
    {
        < 7 => Mutator.Apply(seeds[random.Next(seeds.Count)], random),
        < 9 when makers.Length > 0 => makers[random.Next(makers.Length)](random),
        _ => Nonsense(random),
    };

    /// <summary>Real safetensors files with damage in their headers alone, whose lengths are right.</summary>
    public static Func<Random, byte[]> DamagedHeader(IReadOnlyList<byte[]> seeds) => random =>
    {
        var seed = seeds[random.Next(seeds.Count)];
        var end = 8 + BitConverter.ToInt32(seed);
        var header = Mutator.Apply(seed[8..end], random);
        return [.. BitConverter.GetBytes((long)header.Length), .. header, .. seed[end..]];
    };

    /// <summary>A safetensors file that is whole, or all but one number of it.</summary>
    public static byte[] WholeSafetensors(Random random)
    {
        var (end, wrong) = (0, random.Next(12));
        var tensors = Enumerable.Range(0, random.Next(1, 6)).Select(i =>
        {
            var (begin, rows, columns) = (end, random.Next(4), random.Next(4));
            end += 4 * rows * columns;
            return $"\"t{i}\":{{\"dtype\":\"F32\",\"shape\":[{rows},{columns}],\"data_offsets\":[{(i == wrong ? Mutator.AnyNumber(random) : $"{begin}")},{end}]}}";
        });
        var header = Encoding.UTF8.GetBytes($"{{{string.Join(',', tensors)}}}");
        return [.. BitConverter.GetBytes((long)header.Length), .. header, .. new byte[end]];
    }

    /// <summary>A safetensors file whose header is well formed and says anything about its tensors.</summary>
    public static byte[] Safetensors(Random random)
    {
        var data = random.Next(64);
        var tensors = Enumerable.Range(0, random.Next(1, 5)).Select(i =>
        {
            string Number() => random.Next(2) == 0 ? $"{random.Next(data + 1)}" : Mutator.AnyNumber(random);
            var type = random.GetItems(["F32", "BF16", "F16", "F64", "I8", "BOOL", "F4", "F8_E4M3"], 1)[0];
            var shape = string.Join(',', Enumerable.Range(0, random.Next(4)).Select(_ => Number()));
            return $"\"t{random.Next(4)}\":{{\"dtype\":\"{type}\",\"shape\":[{shape}],\"data_offsets\":[{Number()},{Number()}]}}";
        });
        var header = Encoding.UTF8.GetBytes($"{{{string.Join(',', tensors)}}}");
        var length = random.Next(8) == 0 ? random.NextInt64() : header.Length + (random.Next(8) == 0 ? random.Next(-9, 9) : 0);
        return [.. BitConverter.GetBytes(length), .. header, .. new byte[data]];
    }

    /// <summary>A shard index that names files anywhere.</summary>
    public static byte[] ShardIndex(Random random)
    {
        var places = Enumerable.Range(0, random.Next(1, 4)).Select(i => $"\"{"xyz"[random.Next(3)]}\":\"{Paths[random.Next(Paths.Length)]}\"");
        return Encoding.UTF8.GetBytes($"{{\"metadata\":{{}},\"weight_map\":{{{string.Join(',', places)}}}}}");
    }

    /// <summary>A config.json with any numbers under the right keys.</summary>
    public static byte[] ModelConfig(Random random)
    {
        string[] keys = ["hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "vocab_size", "head_dim", "max_position_embeddings", "rope_theta", "sliding_window"];
        var numbers = keys.Select(key => $"\"{key}\":{Mutator.AnyNumber(random)}");
        return Encoding.UTF8.GetBytes($"{{\"architectures\":[\"{random.GetItems(["Llama", "Qwen2", "Qwen3", "Mistral"], 1)[0]}ForCausalLM\"],{string.Join(',', numbers)}}}");
    }

    /// <summary>A tokenizer.json whose steps multiply the text or search it without end.</summary>
    public static byte[] Tokenizer(Random random)
    {
        // Those that backtrack without end cost their whole time limit: one file in forty.
        string[] patterns = random.Next(40) == 0 ? ["(a+)+$", "(.*)*x", "(?=(a+)+$)"] : ["a", ".", "^|$", "", "\\\\p{L}+", "(?:)*"];
        string Step(string more) => $"{{\"type\":\"Replace\",\"pattern\":{{\"Regex\":\"{random.GetItems(patterns, 1)[0]}\"}},\"content\":\"{more}\"}}";
        string Steps(string type, string name) => $"{{\"type\":\"{type}\",\"{name}\":[{string.Join(',', Enumerable.Range(0, random.Next(60)).Select(_ => Step(new string('a', random.Next(4)))))}]}}";
        return Encoding.UTF8.GetBytes(
            $"{{\"model\":{{\"vocab\":{{\"a\":{Mutator.AnyNumber(random)},\"aa\":1}},\"merges\":[\"a a\"]}},\"normalizer\":{Steps("Sequence", "normalizers")},\"decoder\":{Steps("Sequence", "decoders")}}}");
    }

    /// <summary>Text that no format has: too deep, too long, too many, or random.</summary>
    public static byte[] Nonsense(Random random)
    {
        var many = 1 << random.Next(4, 18);
        string Many(string part) => string.Concat(Enumerable.Repeat(part, many / Math.Max(1, part.Length)));
        switch (random.Next(12))
        {
            case 0:
                return [];
            case 1:
                var noise = new byte[random.Next(200)];
                random.NextBytes(noise);
                return noise;
            case 2:
                return Encoding.Unicode.GetBytes("{\"a\": \"UTF-16\"}");
            case 3:
                return new byte[many];
            default:
                return Encoding.UTF8.GetBytes(random.Next(8) switch
                {
                    0 => Many("["),
                    1 => Many("{\"a\":"),
                    2 => $"{{\"{Many("k")}\":1}}",
                    3 => $"{{\"model\":\"{Many("v")}\"}}",
                    4 => $"{{{string.Join(',', Enumerable.Range(0, many / 16).Select(i => $"\"{i.ToString(CultureInfo.InvariantCulture)}\":{{}}"))}}}",
                    5 => Many("- "),
                    6 => Many("{{ ("),
                    _ => Many("{\"text\":\"a\"}\n"),
                });
        }
    }
}
