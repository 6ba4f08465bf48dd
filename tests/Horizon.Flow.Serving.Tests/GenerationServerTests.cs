using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Serving.Tests;

public sealed class GenerationServerTests
{
    [Fact]
    public async Task Completions_SeveralPromptsAndTexts_AreOneChoiceEach()
    {
        await using var stories = await StoriesServer.StartAsync();
        var request = new { model = "stories", prompt = new[] { "Once upon a time", "The dog" }, n = 2, seed = 3, temperature = 2, max_tokens = 12 };
        var (first, second) = (await Ask(stories.Http, "/v1/completions", request), await Ask(stories.Http, "/v1/completions", request));
        Assert.Equal([0, 1, 2, 3], first.GetProperty("choices").EnumerateArray().Select(choice => choice.GetProperty("index").GetInt32()));
        Assert.Equal(Texts(first), Texts(second));
        Assert.Equal(4, Texts(first).Distinct().Count());
        Assert.InRange(first.GetProperty("usage").GetProperty("completion_tokens").GetInt32(), 4, 48);
        // Without a seed each answer is another.
        var any = new { model = "stories", prompt = "Once upon a time", max_tokens = 40, temperature = 2 };
        Assert.NotEqual(Texts(await Ask(stories.Http, "/v1/completions", any)), Texts(await Ask(stories.Http, "/v1/completions", any)));
    }

    [Fact]
    public async Task Completions_TokenIds_AreTheirText()
    {
        await using var stories = await StoriesServer.StartAsync();
        var ids = stories.Generator.Encode("Once upon a time");
        var (text, tokens) = (await Ask(stories.Http, "/v1/completions", new { model = "stories", prompt = "Once upon a time", temperature = 0 }), await Ask(stories.Http, "/v1/completions", new { model = "stories", prompt = ids, temperature = 0 }));
        Assert.Equal(Texts(text), Texts(tokens));
        Assert.Equal(16, text.GetProperty("usage").GetProperty("completion_tokens").GetInt32());
    }

    /// <summary>The tokens are those of the text, and the one that ends it stands at their end.</summary>
    [Fact]
    public async Task Completions_AskedForTokens_GivesThem()
    {
        // A full stop ends a text.
        await using var stories = await StoriesServer.StartAsync(generationConfig: """{"eos_token_id":[2,426]}""");
        var answer = await Ask(stories.Http, "/v1/completions", new { model = "stories", prompt = "Once upon a time", temperature = 0, max_tokens = 100, return_token_ids = true });
        var choice = answer.GetProperty("choices")[0];
        var ids = choice.GetProperty("token_ids").EnumerateArray().Select(id => id.GetInt32()).ToList();
        Assert.Equal(("stop", 426), (choice.GetProperty("finish_reason").GetString(), ids[^1]));
        Assert.Equal(answer.GetProperty("usage").GetProperty("completion_tokens").GetInt32() + 1, ids.Count);
        Assert.Equal(choice.GetProperty("text").GetString(), string.Concat(ids.SkipLast(1).Select(stories.Generator.Decode)));
        var cut = await Ask(stories.Http, "/v1/completions", new { model = "stories", prompt = "Once upon a time", temperature = 0, max_tokens = 2, return_token_ids = true });
        Assert.Equal(ids.Take(2), cut.GetProperty("choices")[0].GetProperty("token_ids").EnumerateArray().Select(id => id.GetInt32()));
        var plain = await Ask(stories.Http, "/v1/completions", new { model = "stories", prompt = "Once upon a time", temperature = 0, max_tokens = 2 });
        Assert.False(plain.GetProperty("choices")[0].TryGetProperty("token_ids", out _));
    }

    [Theory]
    [InlineData("""{"prompt":"x"}""", 400, "model", "'model' is missing; this server has 'stories'.")]
    [InlineData("""{"model":"gpt-4","prompt":"x"}""", 404, "model", "the model 'gpt-4' is not here; this server has 'stories'.")]
    [InlineData("""{"model":"stories"}""", 400, "prompt", "'prompt' is missing.")]
    [InlineData("""{"model":"stories","prompt":[1,"x"]}""", 400, "prompt", "'prompt' should be a text, a list of texts, token ids, or a list of lists of token ids.")]
    [InlineData("""{"model":"stories","prompt":"x","temperature":-1}""", 400, "temperature", "'temperature' should be a number from 0 to 100.")]
    [InlineData("""{"model":"stories","prompt":"x","max_tokens":0}""", 400, "max_tokens", "'max_tokens' should be a whole number from 1 to 2147483647.")]
    [InlineData("""{"model":"stories","prompt":"x","stop":[1]}""", 400, "stop", "'stop' should be a text, or a list of up to 16 of them.")]
    [InlineData("""{"model":"stories","prompt":"x","logit_bias":{"1":2}}""", 400, "logit_bias", "'logit_bias' is not supported here; leave it out.")]
    [InlineData("""{"model":"stories","prompt":"x","temprature":1}""", 400, "temprature", "'temprature' is not a parameter that is known here; leave it out.")]
    [InlineData("""{"model":"stories","prompt":"x","n":100,"best_of":null,"user":"me","logit_bias":{}}""", 200, null, null)]
    [InlineData("""{"model":"stories","prompt":["x","y"],"n":100}""", 400, "n", "2 prompts times n 100 are more than the 128 texts that one request may ask for.")]
    [InlineData("""{"model":"stories","prompt":[99999]}""", 400, null, "token id 99999 is beyond the model's vocabulary of 512; the tokenizer is another model's.")]
    [InlineData("""{"model":"stories","prompt":""", 400, null, null)]
    [InlineData("""[]""", 400, null, "the body should be a JSON object.")]
    public async Task Completions_Wrong_IsAnErrorInOpenAIsShape(string body, int status, string? parameter, string? message)
    {
        await using var stories = await StoriesServer.StartAsync();
        body = body.Replace("\"n\":100,\"best", "\"n\":2,\"max_tokens\":1,\"best", StringComparison.Ordinal);
        using var answer = await stories.Http.PostAsync(new Uri("/v1/completions", UriKind.Relative), new StringContent(body, Encoding.UTF8, "application/json"));
        Assert.Equal(status, (int)answer.StatusCode);
        if (status == 200) return;
        var error = (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("error");
        Assert.Equal(("invalid_request_error", parameter), (error.GetProperty("type").GetString(), error.GetProperty("param").GetString()));
        if (message is not null) Assert.Equal(message, error.GetProperty("message").GetString());
    }

    [Theory]
    [InlineData("""[{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}}]}]""", "'messages[0].content[0].type' should be text: images, sounds and files are not understood here.")]
    [InlineData("""[{"role":"tool","content":"x"}]""", "'messages[0].role' should be system, developer, user or assistant.")]
    [InlineData("""[{"role":"assistant","content":"x","tool_calls":[{"id":"1"}]}]""", "'messages[0].tool_calls' is not supported here; leave it out.")]
    [InlineData("""[]""", "'messages' should be a list of messages.")]
    [InlineData("""[{"role":"developer","content":[{"type":"text","text":"Once upon"},{"type":"text","text":" a time"}]}]""", null)]
    public async Task ChatCompletions_Messages_AreTakenOrRefusedByPlace(string messages, string? message)
    {
        await using var stories = await StoriesServer.StartAsync();
        using var answer = await stories.Http.PostAsync(new Uri("/v1/chat/completions", UriKind.Relative), new StringContent($$"""{"model":"stories","max_tokens":4,"temperature":0,"messages":{{messages}}}""", Encoding.UTF8, "application/json"));
        var json = await answer.Content.ReadFromJsonAsync<JsonElement>();
        if (message is null) Assert.Equal(", there was a", json.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString());
        else Assert.Equal(message, json.GetProperty("error").GetProperty("message").GetString());
    }

    [Fact]
    public async Task Requests_BeyondTheirBounds_AreRefused()
    {
        await using var stories = await StoriesServer.StartAsync(options => options with { LongestBody = 4096 });
        using var long1 = await stories.Http.PostAsJsonAsync("/v1/completions", new { model = "stories", prompt = new string('x', 5000) });
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, long1.StatusCode);
        Assert.Contains("longer than the 4,096 bytes", await long1.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        using var long2 = await stories.Http.PostAsJsonAsync("/v1/completions", new { model = "stories", prompt = Enumerable.Repeat(3, 512) });
        Assert.Contains("context_length_exceeded", await long2.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        using var form = await stories.Http.PostAsync(new Uri("/v1/completions", UriKind.Relative), new StringContent("{}"));
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, form.StatusCode);
        using var nowhere = await stories.Http.GetAsync(new Uri("/v1/embeddings", UriKind.Relative));
        Assert.Equal(HttpStatusCode.NotFound, nowhere.StatusCode);
        using var deep = await stories.Http.PostAsync(new Uri("/v1/completions", UriKind.Relative), new StringContent(string.Concat(Enumerable.Repeat("[", 500)), Encoding.UTF8, "application/json"));
        Assert.Equal(HttpStatusCode.BadRequest, deep.StatusCode);
    }

    [Fact]
    public async Task Models_Any_NamesTheOneThatIsServed()
    {
        await using var stories = await StoriesServer.StartAsync();
        var list = await stories.Http.GetFromJsonAsync<JsonElement>("/v1/models");
        Assert.Equal("stories", list.GetProperty("data")[0].GetProperty("id").GetString());
        Assert.Equal(512, (await stories.Http.GetFromJsonAsync<JsonElement>("/v1/models/stories")).GetProperty("max_model_len").GetInt32());
        Assert.Equal("ok", (await stories.Http.GetFromJsonAsync<JsonElement>("/health")).GetProperty("status").GetString());
    }

    /// <summary>A text ends with its client; the model is then the next one's.</summary>
    [Fact]
    public async Task Request_ClientGoesAway_EndsItsText()
    {
        var engine = new ScriptedEngine();
        await using var server = await GenerationServer.StartAsync(engine, new() { Port = 0 });
        using var http = new HttpClient { BaseAddress = new Uri(server.Address) };
        using (var gone = new CancellationTokenSource())
        {
            var left = http.PostAsJsonAsync("/v1/completions", new { model = "model", prompt = "left" }, gone.Token);
            await engine.Begun.WaitAsync();
            await gone.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => left);
            await engine.Cancelled.Task;
        }

        engine.Go();
        Assert.Equal(["ab"], Texts(await Ask(http, "/v1/completions", new { model = "model", prompt = "next" })));
    }

    /// <summary>One at a time in the order of coming; who comes when the queue is full is told to come again.</summary>
    [Fact]
    public async Task Requests_AtOnce_HaveTheModelOneAfterTheOther()
    {
        var engine = new ScriptedEngine();
        await using var server = await GenerationServer.StartAsync(engine, new() { Port = 0, LongestQueue = 1 });
        using var http = new HttpClient { BaseAddress = new Uri(server.Address) };
        var first = Ask(http, "/v1/completions", new { model = "model", prompt = "first" });
        await engine.Begun.WaitAsync();
        // Of two more, one waits and one is refused, whichever comes first.
        List<Task<HttpResponseMessage>> two = [.. ((string[])["second", "third"]).Select(prompt => http.PostAsJsonAsync("/v1/completions", new { model = "model", prompt }))];
        var refused = await Task.WhenAny(two);
        two.Remove(refused);
        using (var answer = await refused)
        {
            Assert.Equal(HttpStatusCode.TooManyRequests, answer.StatusCode);
            Assert.Contains("1 requests wait already; come again later.", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }

        engine.Go();
        Assert.Equal(["ab"], Texts(await first));
        engine.Go();
        using var other = await Assert.Single(two);
        Assert.Equal(HttpStatusCode.OK, other.StatusCode);
        Assert.Equal((2, 1), (engine.Began.Count, engine.MostAtOnce));
    }

    /// <summary>An error before the answer began is its status; in the middle of a stream it is the last event.</summary>
    [Fact]
    public async Task Request_EngineFails_TellsTheClient()
    {
        var engine = new ScriptedEngine { Failure = new HorizonException("the engine is broken") };
        await using var server = await GenerationServer.StartAsync(engine, new() { Port = 0 });
        using var http = new HttpClient { BaseAddress = new Uri(server.Address) };
        using var whole = await http.PostAsJsonAsync("/v1/completions", new { model = "model", prompt = "x" });
        Assert.Equal((HttpStatusCode.BadRequest, true), (whole.StatusCode, (await whole.Content.ReadAsStringAsync()).Contains("the engine is broken", StringComparison.Ordinal)));
        using var streamed = await http.PostAsJsonAsync("/v1/completions", new { model = "model", prompt = "x", stream = true });
        var events = (await streamed.Content.ReadAsStringAsync()).Split("\n\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(2, events.Length);
        Assert.Contains("\"error\":{\"message\":\"the engine is broken\"", events[1], StringComparison.Ordinal);
    }

    /// <summary>Other weights of the same model answer from then on; another model is refused, and the one in hand goes on.</summary>
    [Fact]
    public async Task UpdateWeights_FromDisk_AnswersWithThem()
    {
        await using var stories = await StoriesServer.StartAsync(options => options with { AllowReload = true });
        var greedy = new { model = "stories", prompt = "Once upon a time", temperature = 0, max_tokens = 8 };
        var before = Texts(await Ask(stories.Http, "/v1/completions", greedy));
        using var folder = new TemporaryFolder();
        StoriesServer.Copy(folder.Path);
        Spoil(Path.Combine(folder.Path, "model.safetensors"));
        var done = await Ask(stories.Http, "/update_weights_from_disk", new { model_path = folder.Path, flush_cache = true });
        Assert.True(done.GetProperty("success").GetBoolean());
        var after = Texts(await Ask(stories.Http, "/v1/completions", greedy));
        Assert.NotEqual(before, after);
        var config = Path.Combine(folder.Path, "config.json");
        await File.WriteAllTextAsync(config, (await File.ReadAllTextAsync(config)).Replace("\"num_hidden_layers\": 5", "\"num_hidden_layers\": 4", StringComparison.Ordinal));
        using var refused = await stories.Http.PostAsJsonAsync("/update_weights_from_disk", new { model_path = folder.Path });
        Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
        Assert.Contains("holds another model than the one in hand", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(after, Texts(await Ask(stories.Http, "/v1/completions", greedy)));
        Assert.True((await Ask(stories.Http, "/update_weights_from_disk", new { model_path = StoriesServer.Source })).GetProperty("success").GetBoolean());
        Assert.Equal(before, Texts(await Ask(stories.Http, "/v1/completions", greedy)));
    }

    [Fact]
    public async Task UpdateWeights_NotAllowed_SaysHow()
    {
        await using var stories = await StoriesServer.StartAsync();
        using var refused = await stories.Http.PostAsJsonAsync("/update_weights_from_disk", new { model_path = "/etc" });
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        Assert.Contains("--allow-reload", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_PortInUse_SaysSo()
    {
        await using var server = await GenerationServer.StartAsync(new ScriptedEngine(), new() { Port = 0 });
        var error = await Assert.ThrowsAsync<HorizonException>(() => GenerationServer.StartAsync(new ScriptedEngine(), new() { Host = "127.0.0.1", Port = new Uri(server.Address).Port }));
        Assert.Contains("choose another port or address", error.Message, StringComparison.Ordinal);
        Assert.Contains("'nowhere' is no address", (await Assert.ThrowsAsync<HorizonException>(() => GenerationServer.StartAsync(new ScriptedEngine(), new() { Host = "nowhere" }))).Message, StringComparison.Ordinal);
    }

    // The last tensor, with its numbers in another order.
    private static void Spoil(string file)
    {
        var bytes = File.ReadAllBytes(file);
        for (var i = 0; i < 40_000; i += 4) (bytes[^(i + 1)], bytes[^(i + 80_001)]) = (bytes[^(i + 80_001)], bytes[^(i + 1)]);
        for (var i = 3; i < 40_000; i += 4) bytes[^(i - 2)] ^= 0x80;
        File.WriteAllBytes(file, bytes);
    }

    private static async Task<JsonElement> Ask<T>(HttpClient http, string path, T request)
    {
        using var answer = await http.PostAsJsonAsync(path, request);
        var json = await answer.Content.ReadFromJsonAsync<JsonElement>();
        Assert.True(answer.IsSuccessStatusCode, json.ToString());
        return json;
    }

    private static List<string?> Texts(JsonElement answer) => [.. answer.GetProperty("choices").EnumerateArray().Select(choice => choice.GetProperty("text").GetString())];
}
