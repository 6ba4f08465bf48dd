using System.Net;
using System.Text.Json;
using Horizon.Flow.Alignment.Policies;
using Horizon.Flow.Text.Preferences;

namespace Horizon.Flow.Alignment.Tests.Policies;

/// <summary>What is sent to each kind of server, and what is made of its answers.</summary>
public class ServerSamplerTests
{
    private static readonly LetterTokenizer Tokenizer = new();

    private static readonly SamplingOptions Sampling = new() { Answers = 3, MaxTokens = 5, EndIds = [2], Temperature = 0.5 };

    /// <summary>Prompts go as tokens, with nothing but the temperature; answers come by prompts, with the token that ended them.</summary>
    [Theory]
    [InlineData(ServerKind.Horizon, "max_tokens min_p model n prompt repetition_penalty return_token_ids seed temperature top_k top_p")]
    [InlineData(ServerKind.Vllm, "max_tokens min_p model n prompt repetition_penalty return_token_ids seed temperature top_k top_p")]
    [InlineData(ServerKind.Sglang, "max_tokens min_p model n prompt repetition_penalty seed temperature top_k top_p")]
    [InlineData(ServerKind.OpenAI, "max_tokens model n prompt seed temperature top_p")]
    public async Task Draw_Completions_AsksForTheModelsOwnDistribution(ServerKind kind, string fields)
    {
        using var handler = new ScriptedServer((_, body) => ScriptedServer.Texts(Enumerable.Repeat(body.GetProperty("prompt").GetArrayLength() == 2 ? "x" : "yy", 3)));
        using var server = Server(handler, kind);
        var rollouts = await server.DrawAsync([Prompt("a"), Prompt("bc")], seed: 4);
        Assert.Equal([0, 0, 0, 1, 1, 1], rollouts.Select(one => one.Prompt));
        Assert.All(rollouts.Take(3), one => Assert.Equal([1, 'a'], one.PromptIds));
        Assert.All(rollouts.Take(3), one => Assert.Equal(['x', 2], one.AnswerIds));
        Assert.All(rollouts.Skip(3), one => Assert.Equal(['y', 'y', 2], one.AnswerIds));
        Assert.All(rollouts, one => Assert.True(one.IsFinished));
        Assert.Equal(2, handler.Requests.Count);
        Assert.All(handler.Requests, request =>
        {
            Assert.Equal(("http://far:8000/v1/completions", "Bearer secret"), (request.Path, request.Key));
            Assert.Equal(fields, string.Join(' ', request.Body.EnumerateObject().Select(field => field.Name).Order(StringComparer.Ordinal)));
            Assert.Equal((3, 5, 0.5, 1), (request.Body.GetProperty("n").GetInt32(), request.Body.GetProperty("max_tokens").GetInt32(), request.Body.GetProperty("temperature").GetDouble(), request.Body.GetProperty("top_p").GetInt32()));
        });
        Assert.Equal(2, handler.Requests.Select(request => request.Body.GetProperty("seed").GetInt64()).Distinct().Count());
    }

    /// <summary>The server's own tokens count, where it gives them; text that is too long is cut, and was not ended by the model.</summary>
    [Fact]
    public async Task Draw_TokensGiven_AreTaken()
    {
        using var handler = new ScriptedServer((_, _) => (HttpStatusCode.OK, """
            {"choices":[{"text":"z","token_ids":[7,2],"finish_reason":"stop"},{"text":"z","token_ids":[7,8],"finish_reason":"length"},{"text":"z","token_ids":[3,4,5,6,7,8],"finish_reason":"stop"}]}
            """));
        using var server = Server(handler);
        var rollouts = await server.DrawAsync([Prompt("a")], seed: 4);
        Assert.Equal(["7 2", "7 8", "3 4 5 6 7"], rollouts.Select(one => string.Join(' ', one.AnswerIds)));
        Assert.Equal([true, false, false], rollouts.Select(one => one.IsFinished));
    }

    [Fact]
    public async Task Draw_FewerThanAskedFor_AsksForTheRestWithAnotherSeed()
    {
        using var handler = new ScriptedServer((_, _) => ScriptedServer.Texts("x"));
        using var server = Server(handler, ServerKind.OpenAI);
        Assert.Equal(3, (await server.DrawAsync([Prompt("a")], seed: 4)).Count);
        Assert.Equal([3, 2, 1], handler.Requests.Select(request => request.Body.GetProperty("n").GetInt32()));
        Assert.Equal(3, handler.Requests.Select(request => request.Body.GetProperty("seed").GetInt64()).Distinct().Count());
    }

    [Fact]
    public async Task Draw_Chat_SendsTheTurns()
    {
        using var handler = new ScriptedServer((_, _) => (HttpStatusCode.OK, """{"choices":[{"message":{"role":"assistant","content":"hi"},"finish_reason":"length"}]}"""));
        using var server = Server(handler, ServerKind.OpenAI, isChat: true);
        var record = JsonElement.Parse("""{"prompt":[{"role":"user","content":"hello"}]}""");
        var rollouts = await server.DrawAsync([new PromptRecord([1, 5, 6], "<hello>", record) { Prompt = record.GetProperty("prompt") }], seed: 4);
        Assert.All(rollouts, one => Assert.Equal(['h', 'i'], one.AnswerIds));
        Assert.Equal("http://far:8000/v1/chat/completions", handler.Requests[0].Path);
        Assert.Equal("hello", handler.Requests[0].Body.GetProperty("messages")[0].GetProperty("content").GetString());
        Assert.Contains("write prompts as turns", (await Assert.ThrowsAsync<HorizonException>(() => server.DrawAsync([Prompt("a")], seed: 4))).Message, StringComparison.Ordinal);
    }

    /// <summary>One that is down or has too much to do is asked again, one that refuses is not.</summary>
    [Fact]
    public async Task Draw_ServerThatFails_IsAskedAgainOrIsOneSentence()
    {
        var times = 0;
        using (var handler = new ScriptedServer((_, _) => ++times switch { 1 => null, 2 => (HttpStatusCode.TooManyRequests, "later"), 3 => (HttpStatusCode.BadGateway, ""), _ => ScriptedServer.Texts("x", "x", "x") }))
        using (var server = Server(handler, patience: TimeSpan.FromMinutes(5)))
            Assert.Equal(3, (await server.DrawAsync([Prompt("a")], seed: 4)).Count);
        Assert.Equal(4, times);
        Assert.Equal("the server at http://far:8000 that draws answers does not do it (Connection refused), after 0 s of asking again; start it, or name another one", await ErrorAsync((_, _) => null));
        Assert.Equal("the server at http://far:8000 that draws answers does not do it (status 503: 'full'), after 0 s of asking again; start it, or name another one", await ErrorAsync((_, _) => (HttpStatusCode.ServiceUnavailable, "full")));
        Assert.Equal("http://far:8000/v1/completions refuses the request with status 404: the model 'policy' is not here", await ErrorAsync((_, _) => (HttpStatusCode.NotFound, """{"error":{"message":"the model 'policy' is not here."}}""")));
        Assert.Contains("with status 401: no; the key is missing or wrong", await ErrorAsync((_, _) => (HttpStatusCode.Unauthorized, """{"detail":"no"}""")), StringComparison.Ordinal);
        Assert.Contains("answers with something that is no JSON: '<html>'", await ErrorAsync((_, _) => (HttpStatusCode.OK, "<html>")), StringComparison.Ordinal);
        Assert.Contains("answers without choices", await ErrorAsync((_, _) => (HttpStatusCode.OK, "{}")), StringComparison.Ordinal);
        Assert.Contains("gives an answer without a text", await ErrorAsync((_, _) => (HttpStatusCode.OK, """{"choices":[{}]}""")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ServerKind.Horizon, """http://far:8000/update_weights_from_disk {"model_path":"/weights"}""")]
    [InlineData(ServerKind.Sglang, """http://far:8000/update_weights_from_disk {"model_path":"/weights"}""")]
    [InlineData(ServerKind.Vllm, """http://far:8000/collective_rpc {"method":"reload_weights","kwargs":{"weights_path":"/weights"}}; http://far:8000/reset_prefix_cache {}""")]
    public async Task Reload_EachKind_IsItsOwnCall(ServerKind kind, string expected)
    {
        using var handler = new ScriptedServer((path, _) => (HttpStatusCode.OK, path == "/reset_prefix_cache" ? "" : """{"success":true,"message":"done"}"""));
        using var server = Server(handler, kind);
        await server.ReloadAsync("/weights");
        Assert.Equal(expected, string.Join("; ", handler.Requests.Select(request => $"{request.Path} {request.Body.GetRawText()}")));
    }

    [Fact]
    public async Task Reload_NotTaken_SaysWhy()
    {
        using var refusing = new ScriptedServer((_, _) => (HttpStatusCode.OK, """{"success":false,"message":"another model"}"""));
        using var server = Server(refusing, ServerKind.Sglang);
        Assert.Equal("the server at http://far:8000/v1 does not take the weights in /weights: another model", (await Assert.ThrowsAsync<HorizonException>(() => server.ReloadAsync("/weights"))).Message);
        using var closed = new ScriptedServer((_, _) => (HttpStatusCode.NotFound, """{"detail":"Not Found"}"""));
        using var vllm = Server(closed, ServerKind.Vllm);
        Assert.Contains("VLLM_SERVER_DEV_MODE=1", (await Assert.ThrowsAsync<HorizonException>(() => vllm.ReloadAsync("/weights"))).Message, StringComparison.Ordinal);
        using var plain = Server(closed, ServerKind.OpenAI);
        Assert.False(plain.TakesWeights);
        await Assert.ThrowsAsync<InvalidOperationException>(() => plain.ReloadAsync("/weights"));
    }

    private static async Task<string> ErrorAsync(Func<string, JsonElement, (HttpStatusCode Status, string Body)?> answer)
    {
        using var handler = new ScriptedServer(answer);
        using var server = Server(handler);
        return (await Assert.ThrowsAsync<HorizonException>(() => server.DrawAsync([Prompt("a")], seed: 4))).Message;
    }

    private static ServerSampler Server(HttpMessageHandler handler, ServerKind kind = ServerKind.Horizon, bool isChat = false, TimeSpan patience = default) =>
        new(new ServerSamplerOptions { Url = new Uri("http://far:8000/v1"), Model = "policy", Kind = kind, IsChat = isChat, ApiKey = "secret", Patience = patience, Time = new HastyTime() }, Sampling, Tokenizer, handler);

    private static PromptRecord Prompt(string text)
    {
        var record = JsonSerializer.SerializeToElement(new { prompt = text });
        return new PromptRecord(Tokenizer.Encode(text, addSpecialTokens: true), text, record) { Prompt = record.GetProperty("prompt") };
    }

    /// <summary>Waits for nothing.</summary>
    private sealed class HastyTime : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => base.CreateTimer(callback, state, TimeSpan.Zero, period);
    }
}
