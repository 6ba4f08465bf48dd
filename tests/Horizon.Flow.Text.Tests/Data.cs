using System.Text.Json;
using Horizon.Flow.Text.Templates;
using Horizon.Flow.Text.Tokenizers;

namespace Horizon.Flow.Text.Tests;

/// <summary>The files beside the tests.</summary>
internal static class Data
{
    public static HuggingFaceTokenizer Qwen { get; } = HuggingFaceTokenizer.Load(Folder("qwen3-mini-tokenizer"));

    public static HuggingFaceTokenizer Stories { get; } = HuggingFaceTokenizer.Load(Folder("stories260K"));

    public static string Folder(string name) => Path.Combine(AppContext.BaseDirectory, "data", name);

    public static JsonElement Json(params string[] path)
    {
        using var document = JsonDocument.Parse(File.ReadAllText(Path.Combine([AppContext.BaseDirectory, "data", .. path])));
        return document.RootElement.Clone();
    }

    public static int[] Ids(JsonElement list) => [.. list.EnumerateArray().Select(id => id.GetInt32())];

    public static ChatTemplate Template(string name, params (string Name, object? Value)[] variables) => ChatTemplate.Parse(
        File.ReadAllText(Path.Combine(Folder("chat-templates"), name)), name, variables.ToDictionary(v => v.Name, v => v.Value));

    public static Conversation Conversation(JsonElement golden, params string[] variables)
    {
        var messages = golden.GetProperty("messages").EnumerateArray()
            .Select(m => new ChatMessage((OrderedDictionary<string, object?>)Templates.Conversation.ValueOf(m)!, isTrained: true)).ToList();
        var others = variables.Where(name => golden.TryGetProperty(name, out _))
            .ToDictionary(name => name, name => Templates.Conversation.ValueOf(golden.GetProperty(name)));
        return new Conversation(messages, others);
    }
}
