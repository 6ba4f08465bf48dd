using System.Text;
using System.Text.Json;
using Horizon.Flow.Runs.Generation;
using Horizon.Flow.Text.Templates;

namespace Horizon.Flow.Serving;

/// <summary>Reads requests of OpenAI's <c>/v1/chat/completions</c> and <c>/v1/completions</c>, with vLLM's <c>top_k</c>, <c>min_p</c>, <c>repetition_penalty</c> and <c>return_token_ids</c> besides.</summary>
/// <param name="engine">Makes tokens of texts.</param>
/// <param name="options">The model's name, and bounds.</param>
internal sealed class CompletionReader(IGenerationEngine engine, ServerOptions options)
{
    // As OpenAI has it where a completion does not say.
    private const int ShortCompletion = 16;
    private const int MostStops = 16;
    private const int MostAlternatives = 20;

    private static readonly string[] _harmless =
        ["user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "parallel_tool_calls"];

    public CompletionRequest Read(JsonElement json, bool isChat)
    {
        if (json.ValueKind != JsonValueKind.Object) throw new RequestException(400, "the body should be a JSON object.");
        var fields = new RequestFields(json);
        var model = fields.Text("model") ?? throw new RequestException(400, $"'model' is missing; this server has '{options.ModelName}'.", "model");
        if (model != options.ModelName) throw new RequestException(404, $"the model '{model}' is not here; this server has '{options.ModelName}'.", "model", "model_not_found");
        RefuseOthers(fields);
        var prompts = isChat ? [engine.Encode(ReadConversation(fields))] : ReadPrompts(fields);
        var request = new CompletionRequest
        {
            IsChat = isChat,
            Prompts = prompts,
            Count = (int)(fields.Whole("n", 1, options.MostChoices) ?? 1),
            MaxTokens = MaxTokens(fields, isChat),
            IsStreamed = fields.Flag("stream"),
            GivesIds = fields.Flag("return_token_ids"),
            IncludesUsage = IncludesUsage(fields),
            Options = new GenerationOptions
            {
                Temperature = fields.Number("temperature", 0, 100) ?? 1,
                TopP = fields.Number("top_p", 1e-9, 1) ?? 1,
                TopK = (int)(fields.Whole("top_k", -1, int.MaxValue) is { } k and > 0 ? k : 0),
                MinP = fields.Number("min_p", 0, 1) ?? 0,
                RepetitionPenalty = fields.Number("repetition_penalty", 1e-3, 1e3) ?? 1,
                Stop = ReadStops(fields),
                Seed = fields.Whole("seed", long.MinValue, long.MaxValue) ?? Random.Shared.NextInt64(),
                LogProbabilities = isChat ? ChatLogProbabilities(fields) : (int?)fields.Whole("logprobs", 0, MostAlternatives),
            },
        };
        fields.RequireAllRead(_harmless);
        if ((long)request.Prompts.Count * request.Count > options.MostChoices)
            throw new RequestException(400, $"{request.Prompts.Count} prompts times n {request.Count} are more than the {options.MostChoices} texts that one request may ask for.", "n");
        foreach (var prompt in request.Prompts) CheckLength(prompt);
        return request;
    }

    private void CheckLength(IReadOnlyList<int> prompt)
    {
        if (prompt.Count == 0) throw new RequestException(400, "the prompt has no token; give at least one word.", "prompt");
        if (prompt.Count >= engine.LongestText)
            throw new RequestException(400, $"the prompt has {prompt.Count} tokens; the model allows {engine.LongestText}, one of which must be new.", "messages", "context_length_exceeded");
    }

    // What would make another text than the client means.
    private static void RefuseOthers(RequestFields fields)
    {
        foreach (var name in (string[])["tools", "functions", "logit_bias", "echo", "suffix", "audio", "prediction", "web_search_options", "reasoning_effort", "verbosity"]) fields.RequireUnset(name);
        foreach (var name in (string[])["tool_choice", "function_call"]) fields.RequireUnset(name, value => value.ValueKind == JsonValueKind.String && value.GetString() is "none" or "auto");
        foreach (var name in (string[])["presence_penalty", "frequency_penalty"]) fields.RequireUnset(name, value => value.ValueKind == JsonValueKind.Number && value.GetDouble() == 0);
        fields.RequireUnset("best_of", value => value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var best) && best == 1);
        fields.RequireUnset("response_format", value => value.ValueKind == JsonValueKind.Object && value.TryGetProperty("type", out var type) && type.ValueKind == JsonValueKind.String && type.GetString() == "text");
        fields.RequireUnset("modalities", value => value.ValueKind == JsonValueKind.Array && value.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String && item.GetString() == "text"));
    }

    private static int? MaxTokens(RequestFields fields, bool isChat)
    {
        var (older, newer) = (fields.Whole("max_tokens", 1, int.MaxValue), isChat ? fields.Whole("max_completion_tokens", 1, int.MaxValue) : null);
        return (int?)(newer ?? older ?? (isChat ? null : ShortCompletion));
    }

    private static bool IncludesUsage(RequestFields fields)
    {
        if (fields.Object("stream_options") is not { } stream) return false;
        var includes = stream.Flag("include_usage");
        stream.RequireAllRead("include_obfuscation");
        return includes;
    }

    private static int? ChatLogProbabilities(RequestFields fields)
    {
        var count = fields.Whole("top_logprobs", 0, MostAlternatives);
        if (!fields.Flag("logprobs")) return count is > 0 ? throw new RequestException(400, "'top_logprobs' needs 'logprobs': true.", "top_logprobs") : null;
        return (int)(count ?? 0);
    }

    private static List<string> ReadStops(RequestFields fields)
    {
        if (fields.Find("stop") is not { } value) return [];
        List<JsonElement> items = value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray()] : [value];
        return items.Count <= MostStops && items.All(item => item.ValueKind == JsonValueKind.String && item.GetString()!.Length > 0)
            ? [.. items.Select(item => item.GetString()!)]
            : throw fields.Wrong("stop", $"a text, or a list of up to {MostStops} of them");
    }

    // A text, a list of texts, token ids, or a list of lists of these.
    private IReadOnlyList<IReadOnlyList<int>> ReadPrompts(RequestFields fields)
    {
        var prompt = fields.Find("prompt") ?? throw new RequestException(400, "'prompt' is missing.", "prompt");
        if (prompt.ValueKind == JsonValueKind.String) return [engine.Encode(prompt.GetString()!)];
        if (prompt.ValueKind != JsonValueKind.Array || prompt.GetArrayLength() == 0) throw Wrong();
        var items = prompt.EnumerateArray().ToList();
        if (items.All(item => item.ValueKind == JsonValueKind.Number)) return [Ids(prompt)];
        return [.. items.Select(item => item.ValueKind switch
        {
            JsonValueKind.String => engine.Encode(item.GetString()!),
            JsonValueKind.Array => Ids(item),
            _ => throw Wrong(),
        })];

        IReadOnlyList<int> Ids(JsonElement list) =>
            [.. list.EnumerateArray().Select(item => item.ValueKind == JsonValueKind.Number && item.TryGetInt32(out var id) ? id : throw Wrong())];
        RequestException Wrong() => fields.Wrong("prompt", "a text, a list of texts, token ids, or a list of lists of token ids");
    }

    private static Conversation ReadConversation(RequestFields fields)
    {
        var messages = fields.Find("messages") ?? throw new RequestException(400, "'messages' is missing.", "messages");
        if (messages.ValueKind != JsonValueKind.Array || messages.GetArrayLength() == 0) throw fields.Wrong("messages", "a list of messages");
        return new Conversation([.. messages.EnumerateArray().Select((message, number) => ReadMessage(message, $"messages[{number}]"))]);
    }

    private static ChatMessage ReadMessage(JsonElement json, string path)
    {
        if (json.ValueKind != JsonValueKind.Object) throw new RequestException(400, $"'{path}' should be an object with role and content.", path);
        var fields = new RequestFields(json, $"{path}.");
        var role = fields.Text("role") ?? throw new RequestException(400, $"'{path}.role' is missing.", $"{path}.role");
        if (role == "developer") role = "system";
        if (role is not ("system" or "user" or "assistant")) throw fields.Wrong("role", "system, developer, user or assistant");
        var content = fields.Find("content") ?? throw new RequestException(400, $"'{path}.content' is missing.", $"{path}.content");
        foreach (var name in (string[])["tool_calls", "function_call", "audio"]) fields.RequireUnset(name);
        fields.RequireAllRead("refusal", "annotations");
        return new ChatMessage(role, content.ValueKind switch
        {
            JsonValueKind.String => content.GetString()!,
            JsonValueKind.Array => Join(content, $"{path}.content"),
            _ => throw fields.Wrong("content", "a text, or a list of parts of type text"),
        });
    }

    private static string Join(JsonElement parts, string path)
    {
        var text = new StringBuilder();
        var number = 0;
        foreach (var part in parts.EnumerateArray())
        {
            var place = $"{path}[{number++}]";
            if (part.ValueKind != JsonValueKind.Object) throw new RequestException(400, $"'{place}' should be a part of type text.", place);
            var fields = new RequestFields(part, $"{place}.");
            if (fields.Text("type") != "text") throw fields.Wrong("type", "text: images, sounds and files are not understood here");
            text.Append(fields.Text("text"));
            fields.RequireAllRead();
        }

        return text.ToString();
    }
}
