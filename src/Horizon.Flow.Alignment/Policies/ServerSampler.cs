using System.Text.Json;
using Horizon.Flow.Text.Preferences;
using Horizon.Flow.Text.Tokenizers;

namespace Horizon.Flow.Alignment.Policies;

/// <summary>
/// Draws answers with a server that speaks OpenAI's protocol, one request for the answers to a prompt; where it gives fewer than asked for, it is asked again. Nothing but
/// the temperature changes the distribution. Weights are handed over as a folder that both sides see, with the server's own call.
/// </summary>
public sealed class ServerSampler : IAnswerSource, IDisposable
{
    private readonly ServerSamplerOptions _options;
    private readonly SamplingOptions _sampling;
    private readonly ITokenizer _tokenizer;
    private readonly ServerConnection _connection;

    /// <summary>Prepares; the server is not spoken to yet.</summary>
    /// <param name="options">Which server.</param>
    /// <param name="sampling">How answers are drawn; <see cref="SamplingOptions.EndIds"/> are the model's, at which the server stops by itself.</param>
    /// <param name="tokenizer">The model's.</param>
    /// <param name="handler">What requests go through, belongs to the caller; null for the system's.</param>
    public ServerSampler(ServerSamplerOptions options, SamplingOptions sampling, ITokenizer tokenizer, HttpMessageHandler? handler = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(sampling);
        ArgumentNullException.ThrowIfNull(tokenizer);
        (_options, _sampling, _tokenizer) = (options, sampling, tokenizer);
        _connection = new ServerConnection(options, handler);
    }

    /// <summary>Whether weights can be handed over.</summary>
    public bool TakesWeights => _options.Kind != ServerKind.OpenAI;

    /// <inheritdoc/>
    /// <exception cref="HorizonException">The server is down, refuses, or answers with something else.</exception>
    public async Task<IReadOnlyList<Rollout>> DrawAsync(IReadOnlyList<PromptRecord> prompts, long seed, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(prompts);
        var drawn = new List<Rollout>[prompts.Count];
        var limits = new ParallelOptions { MaxDegreeOfParallelism = _options.AtOnce, CancellationToken = cancellation };
        await Parallel.ForAsync(0, prompts.Count, limits, async (number, stop) => drawn[number] = await AnswersAsync(prompts[number], number, seed, stop).ConfigureAwait(false)).ConfigureAwait(false);
        return [.. drawn.SelectMany(answers => answers)];
    }

    /// <summary>Lets the server read other weights of its model.</summary>
    /// <param name="folder">A Hugging Face folder that the server sees under the same path.</param>
    /// <param name="cancellation">Gives up waiting.</param>
    /// <exception cref="HorizonException">The server is down, or does not take them.</exception>
    /// <exception cref="InvalidOperationException">It takes none (<see cref="TakesWeights"/>).</exception>
    public async Task ReloadAsync(string folder, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        switch (_options.Kind)
        {
            case ServerKind.Horizon or ServerKind.Sglang:
                var done = await _connection.PostAsync("/update_weights_from_disk", new { model_path = folder }, cancellation).ConfigureAwait(false);
                if (done is { ValueKind: JsonValueKind.Object } said && said.TryGetProperty("success", out var success) && success.ValueKind == JsonValueKind.False)
                    throw new HorizonException($"the server at {_options.Url} does not take the weights in {folder}: {(said.TryGetProperty("message", out var message) ? message.ToString() : "it does not say why")}");
                break;
            case ServerKind.Vllm:
                await _connection.PostAsync("/collective_rpc", new { method = "reload_weights", kwargs = new { weights_path = folder } }, cancellation).ConfigureAwait(false);
                // What was remembered of prompts is of the weights before.
                await _connection.PostAsync("/reset_prefix_cache", new { }, cancellation).ConfigureAwait(false);
                break;
            default:
                throw new InvalidOperationException("a server that speaks OpenAI's protocol alone takes no weights");
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _connection.Dispose();

    private async Task<List<Rollout>> AnswersAsync(PromptRecord prompt, int number, long seed, CancellationToken cancellation)
    {
        var answers = new List<Rollout>();
        while (answers.Count < _sampling.Answers)
        {
            var given = await _connection.PostAsync(
                _options.IsChat ? "/v1/chat/completions" : "/v1/completions", Request(prompt, _sampling.Answers - answers.Count, SeedOf(seed, number, answers.Count)), cancellation).ConfigureAwait(false);
            List<JsonElement> choices = given is { ValueKind: JsonValueKind.Object } json && json.TryGetProperty("choices", out var list) && list.ValueKind == JsonValueKind.Array ? [.. list.EnumerateArray()] : [];
            if (choices.Count == 0) throw new HorizonException($"the server at {_options.Url} answers without choices, which OpenAI's protocol has; is it another kind of server?");
            answers.AddRange(choices.Take(_sampling.Answers - answers.Count).Select(choice => Read(choice, prompt, number)));
        }

        return answers;
    }

    private Dictionary<string, object> Request(PromptRecord prompt, int count, long seed)
    {
        var request = new Dictionary<string, object>
        {
            ["model"] = _options.Model,
            ["n"] = count,
            ["max_tokens"] = _sampling.MaxTokens,
            ["temperature"] = _sampling.Temperature,
            ["top_p"] = 1,
            ["seed"] = seed,
        };
        if (!_options.IsChat) request["prompt"] = prompt.Ids;
        else request["messages"] = prompt.Prompt.ValueKind == JsonValueKind.Array ? prompt.Prompt
            : throw new HorizonException($"/v1/chat/completions takes turns, and a prompt is the text '{prompt.Text[..Math.Min(prompt.Text.Length, 40)]}', which a template would change; write prompts as turns, or ask /v1/completions");
        if (_options.Kind == ServerKind.OpenAI) return request;
        // A model's folder may name others as its defaults.
        (request["top_k"], request["min_p"], request["repetition_penalty"]) = (-1, 0, 1);
        if (_options.Kind != ServerKind.Sglang) request["return_token_ids"] = true;
        return request;
    }

    private Rollout Read(JsonElement choice, PromptRecord prompt, int number)
    {
        var text = choice.TryGetProperty("text", out var plain) ? plain : choice.TryGetProperty("message", out var message) && message.TryGetProperty("content", out var content) ? content : default;
        if (text.ValueKind is not (JsonValueKind.String or JsonValueKind.Null)) throw new HorizonException($"the server at {_options.Url} gives an answer without a text");
        List<int> ids = choice.TryGetProperty("token_ids", out var given) && given.ValueKind == JsonValueKind.Array ? [.. given.EnumerateArray().Select(id => id.GetInt32())] : [.. Encode(prompt, text.GetString() ?? "")];
        var isFinished = choice.TryGetProperty("finish_reason", out var finish) && finish.ValueKind == JsonValueKind.String && finish.GetString() == "stop";
        if (ids.Count > _sampling.MaxTokens) (ids, isFinished) = (ids[.._sampling.MaxTokens], false);
        // The end is a token that was drawn, too; servers leave it out of the text.
        if (isFinished && _sampling.EndIds is [var end, ..] && (ids.Count == 0 || !_sampling.EndIds.Contains(ids[^1])) && ids.Count < _sampling.MaxTokens) ids.Add(end);
        return ids.Count > 0 ? new Rollout(number, prompt.Ids, ids, isFinished)
            : throw new HorizonException($"the server at {_options.Url} gives an answer without a token, and the tokenizer has none that ends a text");
    }

    // How an answer is spelled depends on what stands before it.
    private IEnumerable<int> Encode(PromptRecord prompt, string answer)
    {
        var whole = _tokenizer.Encode(prompt.Text + answer, addSpecialTokens: prompt.Prompt.ValueKind == JsonValueKind.String);
        return whole.Take(prompt.Ids.Count).SequenceEqual(prompt.Ids) ? whole.Skip(prompt.Ids.Count) : _tokenizer.Encode(answer, addSpecialTokens: false);
    }

    private static long SeedOf(long seed, int prompt, int place)
    {
        var mixed = unchecked(((ulong)seed * 0x9E3779B97F4A7C15) ^ ((ulong)prompt << 32) ^ (uint)place);
        mixed = unchecked((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9);
        return (long)((mixed ^ (mixed >> 31)) >> 33); // 31 bits: more than some servers take
    }
}
