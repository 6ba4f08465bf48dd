using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace Horizon.Flow.Alignment.Policies;

/// <summary>Posts JSON to a server, and again where it is down or has too much to do.</summary>
internal sealed class ServerConnection : IDisposable
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(10);

    private readonly ServerSamplerOptions _options;
    private readonly HttpClient _client;
    private readonly string _root;

    public ServerConnection(ServerSamplerOptions options, HttpMessageHandler? handler)
    {
        _options = options;
        _client = handler is null ? new HttpClient() : new HttpClient(handler, disposeHandler: false);
        _client.Timeout = options.LongestRequest;
        if (options.ApiKey is not null) _client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", options.ApiKey);
        var url = options.Url.AbsoluteUri.TrimEnd('/');
        _root = url.EndsWith("/v1", StringComparison.Ordinal) ? url[..^3] : url;
    }

    /// <summary>What the server answers; null where it answers nothing.</summary>
    /// <param name="path">Below the server's root.</param>
    /// <param name="body">What is sent as JSON.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="HorizonException">It refuses, or is down for longer than the patience lasts.</exception>
    public async Task<JsonElement?> PostAsync(string path, object body, CancellationToken cancellation)
    {
        var json = JsonSerializer.Serialize(body);
        var (begun, pause) = (_options.Time.GetTimestamp(), FirstPause);
        while (true)
        {
            var (status, text, failure) = await TryAsync(path, json, cancellation).ConfigureAwait(false);
            if (failure is null && status is >= 200 and < 300) return Parse(path, text);
            if (failure is null && status is not (408 or 429 or >= 500)) throw new HorizonException($"{_root}{path} refuses the request with status {status}: {Message(text)}{Hint(path, status)}");
            if (_options.Time.GetElapsedTime(begun) + pause > _options.Patience)
            {
                var why = failure?.TrimEnd('.') ?? $"status {status}: {Message(text)}";
                throw new HorizonException(string.Create(CultureInfo.InvariantCulture, $"the server at {_root} that draws answers does not do it ({why}), after {_options.Patience.TotalSeconds:0.#} s of asking again; start it, or name another one"));
            }

            await Task.Delay(pause, _options.Time, cancellation).ConfigureAwait(false);
            pause = TimeSpan.FromTicks(Math.Min(2 * pause.Ticks, LongestPause.Ticks));
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _client.Dispose();

    private async Task<(int Status, string Text, string? Failure)> TryAsync(string path, string json, CancellationToken cancellation)
    {
        try
        {
            using var content = new StringContent(json, Encoding.UTF8, "application/json");
            using var answer = await _client.PostAsync(new Uri(_root + path), content, cancellation).ConfigureAwait(false);
            return ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync(cancellation).ConfigureAwait(false), null);
        }
        catch (HttpRequestException error)
        {
            return (0, "", error.Message);
        }
        catch (IOException error)
        {
            return (0, "", error.Message);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return (0, "", string.Create(CultureInfo.InvariantCulture, $"no answer within {_options.LongestRequest.TotalSeconds:0.#} s"));
        }
    }

    private JsonElement? Parse(string path, string text)
    {
        if (string.IsNullOrWhiteSpace(text)) return null;
        try
        {
            return JsonElement.Parse(text);
        }
        catch (JsonException error)
        {
            throw new HorizonException($"{_root}{path} answers with something that is no JSON: '{Beginning(text)}'", error);
        }
    }

    // OpenAI's shape, SGLang's, or what it is.
    private static string Message(string text)
    {
        try
        {
            var json = JsonElement.Parse(text);
            if (json.ValueKind == JsonValueKind.Object)
            {
                if (json.TryGetProperty("error", out var error) && error.ValueKind == JsonValueKind.Object) json = error;
                foreach (var name in (string[])["message", "error", "detail"])
                    if (json.TryGetProperty(name, out var message) && message.ValueKind == JsonValueKind.String) return Beginning(message.GetString()!.TrimEnd('.'));
            }
        }
        catch (JsonException)
        {
            // Shown as it is.
        }

        return $"'{Beginning(text)}'";
    }

    private static string Hint(string path, int status) => (HttpStatusCode)status switch
    {
        HttpStatusCode.NotFound when path == "/collective_rpc" => "; start vLLM with VLLM_SERVER_DEV_MODE=1, which opens it",
        HttpStatusCode.Unauthorized => "; the key is missing or wrong",
        _ => "",
    };

    private static string Beginning(string text) => text[..Math.Min(text.Length, 300)].ReplaceLineEndings(" ");
}
