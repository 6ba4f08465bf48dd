using System.Runtime.CompilerServices;
using System.Text;
using Horizon.Flow.Devices;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models.Decoding;
using Horizon.Flow.Runs.Planning;
using Horizon.Flow.Text.Templates;
using Horizon.Flow.Text.Tokenizers;
using Horizon.Flow.Units;

namespace Horizon.Flow.Runs.Generation;

/// <summary>
/// Continues texts. The tokens before are remembered (<see cref="RecallDecoder"/>), so that a token costs one token's pass; the model's weights stay in device memory as
/// far as they fit, and stream there for every token where they do not. Where the layers cannot remember, every token runs the whole text through the model again.
/// </summary>
public sealed class TextGenerator : IAsyncDisposable
{
    // Left free beside a resident model, for what it remembers and computes with.
    private const long Spare = 1L << 30;

    private readonly ModelDefinition _model;
    private readonly ITokenizer _tokenizer;
    private readonly TrainingRun _run;
    private readonly ParameterStore? _owned;
    private readonly RecallDecoder? _decoder;
    private Action<string>? _notice;
    private double? _adapterScale;
    private string? _damage;

    /// <summary>A generator on a run that something else owns: it sees the parameters after all steps begun so far.</summary>
    internal TextGenerator(ModelDefinition model, ITokenizer tokenizer, TrainingRun run, ParameterStore? owned = null, RecallDecoder? decoder = null) =>
        (_model, _tokenizer, _run, _owned, _decoder) = (model, tokenizer, run, owned, decoder);

    /// <summary>Whether the tokens before are remembered.</summary>
    public bool Remembers => _decoder is not null;

    /// <summary>Whether all of the model stays in device memory.</summary>
    public bool IsResident => _decoder?.StreamedUnits == 0;

    /// <summary>Loads a Hugging Face folder, or one of PEFT's.</summary>
    /// <param name="folder">config.json, safetensors and a tokenizer; see <see cref="ModelSource.Open"/>.</param>
    /// <param name="device">Where to compute; belongs to the caller.</param>
    /// <param name="notice">Is told, once, where tokens are made the slow way and why; nobody by default.</param>
    /// <param name="cancellation">Ends the loading.</param>
    /// <exception cref="HorizonException">The folder holds no model that can be loaded, or there is too little memory.</exception>
    public static Task<TextGenerator> LoadAsync(string folder, IComputeDevice device, Action<string>? notice = null, CancellationToken cancellation = default) =>
        LoadAsync(ModelSource.Open(folder), device, notice, cancellation);

    /// <summary>Loads a model, with its adapters where it has some.</summary>
    /// <param name="source">The model.</param>
    /// <param name="device">Where to compute; belongs to the caller.</param>
    /// <param name="notice">Is told, once, where tokens are made the slow way and why; nobody by default.</param>
    /// <param name="cancellation">Ends the loading.</param>
    /// <exception cref="HorizonException">The model cannot be loaded, or there is too little memory.</exception>
    public static async Task<TextGenerator> LoadAsync(ModelSource source, IComputeDevice device, Action<string>? notice = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(device);
        var (model, tokenizer, precision) = (source.Model, source.LoadTokenizer(), source.FindPrecision());
        CheckMemory(model, precision);
        var store = await source.LoadAsync(precision, cancellation: cancellation).ConfigureAwait(false);
        TrainingRun? run = null;
        try
        {
            // First: it locks the weights' pages, from which they stream.
            run = TrainingPlan.For(model).Freeze(_ => true).Start(store, device);
            var remembers = RecallDecoder.LongestContext(model) > 0;
            var memory = Math.Max(0, (device.FreeMemoryBytes ?? MachineMemory.AvailableBytes()) - Spare);
            var decoder = remembers ? await RecallDecoder.CreateAsync(model, store, device, memory, cancellation).ConfigureAwait(false) : null;
            var generator = new TextGenerator(model, tokenizer, run, store, decoder) { _notice = notice, _adapterScale = source.Config.Adapter?.Scale };
            if (decoder is null) generator.Notice("the model's layers cannot remember the tokens before");
            else if (decoder.StreamedUnits > 0) notice?.Invoke($"{decoder.StreamedUnits} of {store.Units.Count} parts of the model do not fit into {new ByteSize(memory)} on {device.Name}, and stream there for every token");
            return generator;
        }
        catch
        {
            if (run is not null) await run.DisposeAsync().ConfigureAwait(false);
            store.Dispose();
            throw;
        }
    }

    /// <summary>The continuation of a prompt, piece by piece as it is sampled, up to an end-of-text token, a stop string or the model's longest sequence.</summary>
    /// <param name="prompt">Taken as plain text, with the tokens that the tokenizer puts before it.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <exception cref="HorizonException">The prompt has no token, or more than the model allows.</exception>
    public IAsyncEnumerable<GeneratedPiece> GenerateAsync(string prompt, GenerationOptions? options = null, CancellationToken cancellation = default) =>
        GenerateAsync(_tokenizer.Encode(prompt, addSpecialTokens: true), options, cancellation);

    /// <summary>The assistant's next turn of a conversation, by the model's chat template, piece by piece as it is sampled.</summary>
    /// <param name="conversation">The turns so far.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <exception cref="HorizonException">The model has no chat template, or it refuses the conversation, or this is longer than the model allows.</exception>
    public IAsyncEnumerable<GeneratedPiece> AnswerAsync(Conversation conversation, GenerationOptions? options = null, CancellationToken cancellation = default) =>
        GenerateAsync(Encode(conversation), options, cancellation);

    /// <summary>The token ids of a plain text, with the tokens that the tokenizer puts before it.</summary>
    /// <param name="prompt">The text.</param>
    public IReadOnlyList<int> Encode(string prompt) => _tokenizer.Encode(prompt, addSpecialTokens: true);

    /// <summary>The token ids of a conversation up to where the assistant's next turn begins, by the model's chat template.</summary>
    /// <param name="conversation">The turns so far.</param>
    /// <exception cref="HorizonException">The model has no chat template, or it refuses the conversation.</exception>
    public IReadOnlyList<int> Encode(Conversation conversation)
    {
        var template = _tokenizer.ChatTemplate
            ?? throw new HorizonException("the model folder has no chat template; add chat_template.jinja to it, or continue plain text with horizon generate.");
        return _tokenizer.Encode(template.Render(conversation, addGenerationPrompt: true).Text, addSpecialTokens: false);
    }

    /// <summary>The text of one token as it stands within a text; special tokens too.</summary>
    /// <param name="id">Its id.</param>
    public string Decode(int id)
    {
        // Decoders may treat the first token in a special way.
        var (one, two) = (_tokenizer.Decode([id], skipSpecialTokens: false), _tokenizer.Decode([id, id], skipSpecialTokens: false));
        return two.StartsWith(one, StringComparison.Ordinal) ? two[one.Length..] : one;
    }

    /// <summary>Tokens of the longest text, prompt included.</summary>
    public int LongestText => _model.MaximumSequenceLength;

    /// <summary>The continuation of token ids.</summary>
    /// <param name="prompt">At least one token id.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <exception cref="HorizonException">The prompt has no token, more than the model allows, or one that the model does not know.</exception>
    public async IAsyncEnumerable<GeneratedPiece> GenerateAsync(
        IReadOnlyList<int> prompt, GenerationOptions? options = null, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        options ??= new();
        // The prompt goes through the decoder too: how the first new token is spelled depends on what stands before it.
        var decoder = new DecodeStream(_tokenizer, skipSpecialTokens: true);
        foreach (var id in prompt) decoder.Append(id);
        var stop = new StopText(options.Stop);
        int? end = null;
        await foreach (var sampled in SampleAsync(prompt, options, cancellation).ConfigureAwait(false))
        {
            if (sampled.IsEnd)
            {
                end = sampled.Id;
                break;
            }

            var text = stop.Append(decoder.Append(sampled.Id));
            yield return new GeneratedPiece(text, 1) { Token = options.LogProbabilities is null ? null : sampled.Probability, Id = sampled.Id, Finish = stop.IsStopped ? FinishReason.Stop : null };
            if (stop.IsStopped) yield break;
        }

        var rest = stop.Append(decoder.Flush());
        yield return new GeneratedPiece(rest + stop.Flush(), 0) { Id = end, Finish = stop.IsStopped || end is not null ? FinishReason.Stop : FinishReason.Length };
    }

    /// <summary>The same in token ids; the end-of-text token is not given, and stop strings are not looked for.</summary>
    /// <param name="prompt">At least one token id.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="cancellation">Ends it.</param>
    public async IAsyncEnumerable<int> GenerateIdsAsync(
        IReadOnlyList<int> prompt, GenerationOptions? options = null, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        await foreach (var sampled in SampleAsync(prompt, options ?? new(), cancellation).ConfigureAwait(false))
            if (!sampled.IsEnd) yield return sampled.Id;
    }

    private async IAsyncEnumerable<(int Id, TokenProbability? Probability, bool IsEnd)> SampleAsync(
        IReadOnlyList<int> prompt, GenerationOptions options, [EnumeratorCancellation] CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        CheckPrompt(prompt);
        if (_damage is not null) throw new HorizonException(_damage);
        var sampler = new TokenSampler(options);
        List<int> ids = [.. prompt];
        for (var made = 0; made < options.MaxTokens && ids.Count < _model.MaximumSequenceLength; made++)
        {
            cancellation.ThrowIfCancellationRequested();
            var logits = await NextLogitsAsync(ids, cancellation).ConfigureAwait(false);
            var next = sampler.Next(logits, ids);
            if (_tokenizer.EndOfText.Contains(next))
            {
                yield return (next, null, true);
                yield break;
            }

            ids.Add(next);
            yield return (next, options.LogProbabilities is { } count ? TokenProbability.Of(logits, next, count) : null, false);
        }
    }

    /// <summary>Other weights of the same model, such as those of a later step of its training; while nothing is generated.</summary>
    /// <param name="source">A model of the same architecture, sizes and adapters.</param>
    /// <param name="cancellation">Ends the loading.</param>
    /// <exception cref="HorizonException">It is another model, or cannot be read; where it was read in part, nothing is generated until other weights are whole.</exception>
    public async Task ReloadAsync(ModelSource source, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        var store = _owned ?? throw new InvalidOperationException("the weights belong to a training run");
        if (source.Model.Architecture != _model.Architecture || source.Config.Adapter?.Scale != _adapterScale
            || !source.Model.Units.Select(unit => unit.Parameters.Select(slot => slot.ToString())).SelectMany(name => name).SequenceEqual(_model.Units.SelectMany(unit => unit.Parameters).Select(slot => slot.ToString())))
            throw new HorizonException($"{source.Adapters?.Path ?? source.Folder} holds another model than the one in hand; its architecture, sizes and adapters must be the same");
        source.Check(store);
        _damage = $"the weights of {source.Folder} were read in part; load whole ones";
        await source.LoadIntoAsync(store, cancellation).ConfigureAwait(false);
        if (_decoder is not null) await _decoder.ReloadAsync().ConfigureAwait(false);
        _damage = null;
    }

    /// <summary>[vocabulary] fp32: the logits of the token after the last one.</summary>
    /// <param name="ids">A text from its beginning.</param>
    /// <param name="cancellation">Ends the pass.</param>
    public async Task<float[]> NextLogitsAsync(IReadOnlyList<int> ids, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(ids);
        var longest = RecallDecoder.LongestContext(_model);
        if (_decoder is not null && ids.Count <= longest) return await _decoder.NextLogitsAsync(ids, cancellation).ConfigureAwait(false);
        if (_decoder is not null) Notice($"the text is longer than the {longest} tokens that the model's layers can remember");
        var targets = Enumerable.Repeat(MicroBatch.Unlabelled, ids.Count).ToArray();
        targets[^1] = 0; // a label of any kind: the logits of labelled places are what comes back
        var batch = new MicroBatch(1, ids.Count, [.. ids.Select(id => (long)id)], targets, [.. Enumerable.Range(0, ids.Count).Select(place => (long)place)]);
        return (await _run.LogitsAsync([batch], cancellation).ConfigureAwait(false))[0].Numbers;
    }

    /// <summary>A whole continuation.</summary>
    internal async Task<string> ContinueAsync(string prompt, GenerationOptions options, CancellationToken cancellation)
    {
        var text = new StringBuilder();
        await foreach (var piece in GenerateAsync(prompt, options, cancellation).ConfigureAwait(false)) text.Append(piece.Text);
        return text.ToString();
    }

    /// <summary>Frees parameters and buffers that it made; the device stays with the caller.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_owned is null) return;
        if (_decoder is not null) await _decoder.DisposeAsync().ConfigureAwait(false);
        await _run.DisposeAsync().ConfigureAwait(false);
        _owned.Dispose();
    }

    private void Notice(string why)
    {
        _notice?.Invoke($"{why}: every token runs the whole text through the model, which takes longer the longer the text is");
        _notice = null;
    }

    private void CheckPrompt(IReadOnlyList<int> prompt)
    {
        if (prompt.Count == 0) throw new HorizonException("the prompt has no token; give at least one word.");
        if (prompt.Count > _model.MaximumSequenceLength)
            throw new HorizonException($"the prompt has {prompt.Count} tokens, the model allows {_model.MaximumSequenceLength}; give a shorter one.");
        if (prompt.FirstOrDefault(id => (uint)id >= (uint)_model.VocabularySize, -1) is var id and >= 0)
            throw new HorizonException($"token id {id} is beyond the model's vocabulary of {_model.VocabularySize}; the tokenizer is another model's.");
    }

    private static void CheckMemory(ModelDefinition model, StorePrecision precision)
    {
        var needed = new ByteSize((precision == StorePrecision.Bf16 ? 2 : 4) * (model.ParameterCount + (new PipelineOptions().DeviceBuffers * model.Units.Max(unit => unit.ElementCount))));
        var available = new ByteSize(MachineMemory.AvailableBytes());
        if (needed > available) throw new HorizonException($"not enough memory: the model needs {needed}, {available} are available.");
    }
}
