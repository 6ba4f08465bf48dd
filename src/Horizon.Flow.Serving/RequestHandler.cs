using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Horizon.Flow.Serving;

/// <summary>Answers requests.</summary>
/// <param name="engine">The model.</param>
/// <param name="options">What is taken.</param>
/// <param name="queue">Who has the model.</param>
internal sealed class RequestHandler(IGenerationEngine engine, ServerOptions options, RequestQueue queue)
{
    private const string Json = "application/json";

    // Enough for content parts within messages; what is nested deeper is no request.
    private static readonly JsonDocumentOptions _shallow = new() { MaxDepth = 16 };

    private readonly CompletionReader _reader = new(engine, options);
    private readonly long _started = options.Time.GetUtcNow().ToUnixTimeSeconds();

    public async Task HandleAsync(HttpContext context)
    {
        try
        {
            await AnswerAsync(context).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // Nobody listens any more.
        }
        catch (RequestException refused)
        {
            await FailAsync(context, refused).ConfigureAwait(false);
        }
        catch (BadHttpRequestException refused)
        {
            await FailAsync(context, new(refused.StatusCode, refused.StatusCode == StatusCodes.Status413PayloadTooLarge ? $"the body is longer than the {options.LongestBody:N0} bytes that are taken." : refused.Message)).ConfigureAwait(false);
        }
        catch (HorizonException refused)
        {
            await FailAsync(context, new(400, refused.Message)).ConfigureAwait(false);
        }
        catch (Exception error)
        {
            await FailAsync(context, new(500, $"the request failed: {error.Message}")).ConfigureAwait(false);
        }
    }

    private Task AnswerAsync(HttpContext context)
    {
        var (method, path) = (context.Request.Method, context.Request.Path.Value);
        if (path == "/health" && method == HttpMethods.Get) return WriteAsync(context, 200, CompletionWriter.Write(json => json.WriteString("status", "ok")));
        if (options.ApiKey is { } key && !GenerationServer.IsKey(context.Request.Headers.Authorization, key))
            throw new RequestException(401, "the key is missing or wrong; send it as 'Authorization: Bearer KEY'.", code: "invalid_api_key");
        return (method, path) switch
        {
            ("GET", "/v1/models") => WriteAsync(context, 200, CompletionWriter.Write(json =>
            {
                json.WriteString("object", "list");
                json.WriteStartArray("data");
                json.WriteStartObject();
                Model(json);
                json.WriteEndObject();
                json.WriteEndArray();
            })),
            ("GET", _) when path == $"/v1/models/{options.ModelName}" => WriteAsync(context, 200, CompletionWriter.Write(Model)),
            ("POST", "/v1/chat/completions") => CompleteAsync(context, isChat: true),
            ("POST", "/v1/completions") => CompleteAsync(context, isChat: false),
            ("POST", "/update_weights_from_disk") when options.AllowReload => ReloadAsync(context),
            ("POST", "/update_weights_from_disk") => throw new RequestException(403, "weights cannot be changed here; start the server with --allow-reload.", code: "reload_not_allowed"),
            _ => throw new RequestException(404, $"there is no {method} {path} here; there are POST /v1/chat/completions, POST /v1/completions and GET /v1/models.", code: "not_found"),
        };
    }

    private void Model(Utf8JsonWriter json)
    {
        json.WriteString("id", options.ModelName);
        json.WriteString("object", "model");
        json.WriteNumber("created", _started);
        json.WriteString("owned_by", "horizon");
        json.WriteNumber("max_model_len", engine.LongestText);
    }

    private async Task CompleteAsync(HttpContext context, bool isChat)
    {
        using var body = await ReadAsync(context).ConfigureAwait(false);
        var request = _reader.Read(body.RootElement, isChat);
        var writer = new CompletionWriter(request, options.ModelName, options.Time.GetUtcNow().ToUnixTimeSeconds(), engine.Decode);
        using var turn = await queue.EnterAsync(context.RequestAborted).ConfigureAwait(false);
        if (request.IsStreamed) await StreamAsync(context, request, writer).ConfigureAwait(false);
        else await WholeAsync(context, request, writer).ConfigureAwait(false);
    }

    private async Task WholeAsync(HttpContext context, CompletionRequest request, CompletionWriter writer)
    {
        var choices = new List<WrittenChoice>();
        for (var i = 0; i < request.Prompts.Count * request.Count; i++)
        {
            var (prompt, number) = (i / request.Count, i % request.Count);
            var choice = new WrittenChoice();
            choices.Add(choice);
            await foreach (var piece in engine.GenerateAsync(request.Prompts[prompt], request.OptionsOf(prompt, number, engine.LongestText), context.RequestAborted).ConfigureAwait(false))
                choice.Add(piece);
        }

        await WriteAsync(context, 200, writer.Whole(choices, request.Prompts.Sum(prompt => prompt.Count))).ConfigureAwait(false);
    }

    private async Task StreamAsync(HttpContext context, CompletionRequest request, CompletionWriter writer)
    {
        var tokens = 0;
        for (var i = 0; i < request.Prompts.Count * request.Count; i++)
        {
            var (prompt, number, isFirst) = (i / request.Count, i % request.Count, true);
            await foreach (var piece in engine.GenerateAsync(request.Prompts[prompt], request.OptionsOf(prompt, number, engine.LongestText), context.RequestAborted).ConfigureAwait(false))
            {
                tokens += piece.Tokens;
                if (!isFirst && piece is { Text.Length: 0, Token: null, Finish: null }) continue;
                await EventAsync(context, writer.Chunk(i, piece, isFirst)).ConfigureAwait(false);
                isFirst = false;
            }
        }

        if (request.IncludesUsage) await EventAsync(context, writer.UsageChunk(request.Prompts.Sum(prompt => prompt.Count), tokens)).ConfigureAwait(false);
        await EventAsync(context, "[DONE]"u8.ToArray()).ConfigureAwait(false);
    }

    // In the manner of SGLang: nothing is generated meanwhile.
    private async Task ReloadAsync(HttpContext context)
    {
        using var body = await ReadAsync(context).ConfigureAwait(false);
        var fields = new RequestFields(body.RootElement);
        var folder = fields.Text("model_path") ?? throw new RequestException(400, "'model_path' is missing; name a folder of this machine.", "model_path");
        fields.RequireUnset("load_format", value => value.ValueKind == JsonValueKind.String && value.GetString() is "auto" or "safetensors");
        fields.RequireAllRead("flush_cache", "abort_all_requests", "weight_version", "keep_pause", "recapture_cuda_graph");
        using var turn = await queue.EnterAsync(context.RequestAborted).ConfigureAwait(false);
        var (isDone, message) = (true, $"the weights are those of {folder}");
        try
        {
            // Once begun it is not given up: weights of both kinds would be left.
            await engine.ReloadAsync(folder, CancellationToken.None).ConfigureAwait(false);
        }
        catch (HorizonException refused)
        {
            (isDone, message) = (false, refused.Message);
        }

        await WriteAsync(context, isDone ? 200 : 400, CompletionWriter.Write(json =>
        {
            json.WriteBoolean("success", isDone);
            json.WriteString("message", message);
        })).ConfigureAwait(false);
    }

    private static async Task<JsonDocument> ReadAsync(HttpContext context)
    {
        // A page of another site can send a form or plain text to a port of this machine without being asked; JSON it cannot.
        if (!context.Request.HasJsonContentType()) throw new RequestException(415, "send JSON, with 'Content-Type: application/json'.");
        try
        {
            return await JsonDocument.ParseAsync(context.Request.Body, _shallow, context.RequestAborted).ConfigureAwait(false);
        }
        catch (JsonException error)
        {
            throw new RequestException(400, $"the body is no JSON: {error.Message}");
        }
    }

    private static async Task WriteAsync(HttpContext context, int status, byte[] json)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = Json;
        context.Response.ContentLength = json.Length;
        await context.Response.Body.WriteAsync(json, context.RequestAborted).ConfigureAwait(false);
    }

    private static async Task EventAsync(HttpContext context, byte[] data)
    {
        if (!context.Response.HasStarted)
        {
            context.Response.ContentType = "text/event-stream";
            context.Response.Headers.CacheControl = "no-cache";
        }

        byte[] line = [.. "data: "u8, .. data, .. "\n\n"u8];
        await context.Response.Body.WriteAsync(line, context.RequestAborted).ConfigureAwait(false);
        await context.Response.Body.FlushAsync(context.RequestAborted).ConfigureAwait(false);
    }

    // Of a stream that has begun, the error is its last event.
    private static Task FailAsync(HttpContext context, RequestException error) =>
        context.Response.HasStarted ? EventAsync(context, CompletionWriter.Error(error)) : WriteAsync(context, error.Status, CompletionWriter.Error(error));
}
