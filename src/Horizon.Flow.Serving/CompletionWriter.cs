using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Horizon.Flow.Runs.Generation;

namespace Horizon.Flow.Serving;

/// <summary>Answers as OpenAI's clients read them: whole, or a chunk of a stream.</summary>
/// <param name="request">What was asked for.</param>
/// <param name="model">What clients call the model.</param>
/// <param name="created">Seconds since 1970.</param>
/// <param name="decode">The text of one token.</param>
internal sealed class CompletionWriter(CompletionRequest request, string model, long created, Func<int, string> decode)
{
    private static readonly JsonWriterOptions _plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly string _id = $"{(request.IsChat ? "chatcmpl" : "cmpl")}-{Guid.NewGuid():N}";

    /// <summary>The answer to a request that is not streamed.</summary>
    public byte[] Whole(IReadOnlyList<WrittenChoice> choices, int promptTokens) => Write(json =>
    {
        Head(json, chunk: false);
        json.WriteStartArray("choices");
        for (var i = 0; i < choices.Count; i++)
        {
            var choice = choices[i];
            json.WriteStartObject();
            json.WriteNumber("index", i);
            if (request.IsChat)
            {
                json.WriteStartObject("message");
                json.WriteString("role", "assistant");
                json.WriteString("content", choice.Text.ToString());
                json.WriteNull("refusal");
                json.WriteEndObject();
            }
            else
            {
                json.WriteString("text", choice.Text.ToString());
            }

            LogProbabilities(json, choice.Tokens);
            Ids(json, choice.Ids);
            json.WriteString("finish_reason", Name(choice.Finish));
            json.WriteEndObject();
        }

        json.WriteEndArray();
        Usage(json, promptTokens, choices.Sum(choice => choice.Count));
    });

    /// <summary>A chunk with a piece of one text.</summary>
    public byte[] Chunk(int index, GeneratedPiece piece, bool isFirst) => Write(json =>
    {
        Head(json, chunk: true);
        json.WriteStartArray("choices");
        json.WriteStartObject();
        json.WriteNumber("index", index);
        if (request.IsChat)
        {
            json.WriteStartObject("delta");
            if (isFirst) json.WriteString("role", "assistant");
            if (isFirst || piece.Text.Length > 0) json.WriteString("content", piece.Text);
            json.WriteEndObject();
        }
        else
        {
            json.WriteString("text", piece.Text);
        }

        LogProbabilities(json, piece.Token is { } token ? [token] : []);
        Ids(json, piece.Id is { } id ? [id] : []);
        if (piece.Finish is null) json.WriteNull("finish_reason");
        else json.WriteString("finish_reason", Name(piece.Finish));
        json.WriteEndObject();
        json.WriteEndArray();
        if (request.IncludesUsage) json.WriteNull("usage");
    });

    /// <summary>The last chunk, with the counts of tokens.</summary>
    public byte[] UsageChunk(int promptTokens, int tokens) => Write(json =>
    {
        Head(json, chunk: true);
        json.WriteStartArray("choices");
        json.WriteEndArray();
        Usage(json, promptTokens, tokens);
    });

    /// <summary>An error in OpenAI's shape.</summary>
    public static byte[] Error(RequestException error) => Write(json =>
    {
        json.WriteStartObject("error");
        json.WriteString("message", error.Message);
        json.WriteString("type", error.Type);
        json.WriteString("param", error.Parameter);
        json.WriteString("code", error.Code);
        json.WriteEndObject();
    });

    /// <summary>An object.</summary>
    public static byte[] Write(Action<Utf8JsonWriter> body)
    {
        var bytes = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(bytes, _plain))
        {
            json.WriteStartObject();
            body(json);
            json.WriteEndObject();
        }

        return bytes.WrittenSpan.ToArray();
    }

    private static string Name(FinishReason? finish) => finish == FinishReason.Length ? "length" : "stop";

    private void Head(Utf8JsonWriter json, bool chunk)
    {
        json.WriteString("id", _id);
        json.WriteString("object", !request.IsChat ? "text_completion" : chunk ? "chat.completion.chunk" : "chat.completion");
        json.WriteNumber("created", created);
        json.WriteString("model", model);
        json.WriteNull("system_fingerprint");
    }

    private static void Usage(Utf8JsonWriter json, int prompt, int completion)
    {
        json.WriteStartObject("usage");
        json.WriteNumber("prompt_tokens", prompt);
        json.WriteNumber("completion_tokens", completion);
        json.WriteNumber("total_tokens", prompt + completion);
        json.WriteEndObject();
    }

    // As vLLM has it.
    private void Ids(Utf8JsonWriter json, IReadOnlyList<int> ids)
    {
        if (!request.GivesIds) return;
        json.WriteStartArray("token_ids");
        foreach (var id in ids) json.WriteNumberValue(id);
        json.WriteEndArray();
    }

    private void LogProbabilities(Utf8JsonWriter json, IReadOnlyList<TokenProbability> tokens)
    {
        if (request.Options.LogProbabilities is null || tokens.Count == 0) json.WriteNull("logprobs");
        else if (request.IsChat) ChatLogProbabilities(json, tokens);
        else PlainLogProbabilities(json, tokens);
    }

    private void ChatLogProbabilities(Utf8JsonWriter json, IReadOnlyList<TokenProbability> tokens)
    {
        json.WriteStartObject("logprobs");
        json.WriteStartArray("content");
        foreach (var token in tokens)
        {
            json.WriteStartObject();
            Token(json, token.Id, token.LogProbability);
            json.WriteStartArray("top_logprobs");
            foreach (var (id, logProbability) in token.Likeliest)
            {
                json.WriteStartObject();
                Token(json, id, logProbability);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteNull("refusal");
        json.WriteEndObject();
    }

    private void Token(Utf8JsonWriter json, int id, double logProbability)
    {
        var text = decode(id);
        json.WriteString("token", text);
        json.WriteNumber("logprob", logProbability);
        json.WriteStartArray("bytes");
        foreach (var value in Encoding.UTF8.GetBytes(text)) json.WriteNumberValue(value);
        json.WriteEndArray();
    }

    private void PlainLogProbabilities(Utf8JsonWriter json, IReadOnlyList<TokenProbability> tokens)
    {
        json.WriteStartObject("logprobs");
        json.WriteStartArray("tokens");
        foreach (var token in tokens) json.WriteStringValue(decode(token.Id));
        json.WriteEndArray();
        json.WriteStartArray("token_logprobs");
        foreach (var token in tokens) json.WriteNumberValue(token.LogProbability);
        json.WriteEndArray();
        json.WriteStartArray("top_logprobs");
        foreach (var token in tokens)
        {
            json.WriteStartObject();
            // Two tokens may be spelled alike: the likelier one stays.
            foreach (var group in token.Likeliest.GroupBy(one => decode(one.Id))) json.WriteNumber(group.Key, group.First().LogProbability);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }
}
