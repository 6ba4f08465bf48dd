using System.Text.Json;
using System.Text.Json.Nodes;
using Horizon.Flow.Host.Files;
using Horizon.Flow.Models;

namespace Horizon.Flow.Alignment.Rewards;

/// <summary>What the config.json of a reward model says beside that of its language model: transformers' <c>…ForSequenceClassification</c> with one label.</summary>
public static class RewardFolder
{
    private const string Config = "config.json";
    private const string Architectures = "architectures";
    private const string LabelCount = "num_labels";
    private const string Labels = "id2label";
    private const string LabelNumbers = "label2id";

    /// <summary>Reads the folder of a reward model, or of a language model that is to become one.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="registry">The known language models; <see cref="ModelRegistry.Default"/> if null.</param>
    /// <returns>The config of the language model, whose definition <see cref="RewardModel.Of"/> takes.</returns>
    /// <exception cref="HorizonException">It is neither, or it has several labels.</exception>
    public static ModelConfig ReadConfig(string folder, ModelRegistry? registry = null)
    {
        ArgumentNullException.ThrowIfNull(folder);
        registry ??= ModelRegistry.Default;
        var path = Path.Combine(folder, Config);
        return UntrustedFile.IsThere(path) && Plain(UntrustedFile.ReadText(path, ConfigJson.MaximumBytes, "a config.json"), path, registry) is { } plain
            ? registry.Read(ConfigJson.Parse(plain, path)) : ModelFolder.ReadConfig(folder, registry);
    }

    /// <summary>Turns a language model's config.json into that of the reward model over its layers; one that is a reward model's stays as it is.</summary>
    public static void Describe(JsonObject config)
    {
        ArgumentNullException.ThrowIfNull(config);
        var names = config[Architectures] is JsonArray { Count: > 0 } listed ? listed.Select(name => (string?)name ?? "") : [];
        config[Architectures] = new JsonArray([.. names.Select(name => (JsonNode)RewardModel.ArchitectureOf(name)).DefaultIfEmpty((JsonNode)"AutoModelForSequenceClassification")]);
        config[LabelCount] = 1;
        config[Labels] = new JsonObject { ["0"] = "LABEL_0" };
        config[LabelNumbers] = new JsonObject { ["LABEL_0"] = 0 };
    }

    // The text as its language model's; null where it is no reward model's.
    private static string? Plain(string text, string path, ModelRegistry registry)
    {
        try
        {
            if (JsonNode.Parse(text) is not JsonObject config || config[Architectures] is not JsonArray names) return null;
            var plain = names.Select(name => name?.GetValueKind() == JsonValueKind.String ? RewardModel.LanguageModelOf((string)name!, registry.Architectures) : null).FirstOrDefault(name => name is not null);
            if (plain is null) return null;
            // transformers has two labels where nothing is said.
            var labels = config[LabelCount] is JsonValue count && count.TryGetValue(out int number) ? number : config[Labels] is JsonObject named ? named.Count : 2;
            if (labels != 1) throw new HorizonException($"{path}: a reward model has one label, this one has {labels} ({LabelCount}, {Labels})");
            config[Architectures] = new JsonArray((JsonNode)plain);
            foreach (var key in (string[])[LabelCount, Labels, LabelNumbers, "problem_type"]) config.Remove(key);
            return config.ToJsonString();
        }
        catch (Exception error) when (error is JsonException or ArgumentException or InvalidOperationException)
        {
            return null; // the plain reader says what is wrong with it
        }
    }
}
