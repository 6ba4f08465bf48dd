using System.Runtime.CompilerServices;
using System.Text;
using Horizon.Flow.Devices;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.ModelFolders;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Safetensors;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models;
using Horizon.Flow.Runs.Planning;
using Horizon.Flow.Text.Tokenizers;
using Horizon.Flow.Units;

namespace Horizon.Flow.Runs.Generation;

/// <summary>
/// Continues texts with a model whose parameters stay in host memory and stream through the device for every token. Right first, not
/// fast: every token runs the whole text through the model again.
/// </summary>
public sealed class TextGenerator : IAsyncDisposable
{
    private readonly ModelDefinition _model;
    private readonly ITokenizer _tokenizer;
    private readonly TrainingRun _run;
    private readonly ParameterStore? _owned;

    /// <summary>A generator on a run that something else owns: it sees the parameters after all steps begun so far.</summary>
    internal TextGenerator(ModelDefinition model, ITokenizer tokenizer, TrainingRun run, ParameterStore? owned = null) =>
        (_model, _tokenizer, _run, _owned) = (model, tokenizer, run, owned);

    /// <summary>Loads a Hugging Face folder.</summary>
    /// <param name="folder">config.json, safetensors and a tokenizer.</param>
    /// <param name="device">Where to compute; belongs to the caller.</param>
    /// <param name="cancellation">Ends the loading.</param>
    /// <exception cref="HorizonException">The folder holds no model that can be loaded, or there is too little memory.</exception>
    public static async Task<TextGenerator> LoadAsync(string folder, IComputeDevice device, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(device);
        var model = ModelFamilies.Define(ModelFolder.ReadConfig(folder));
        var tokenizer = HuggingFaceTokenizer.Load(folder);
        using var weights = WeightFiles.Open(folder);
        // fp16 weights are exact in fp32 alone.
        var isBf16 = weights.TensorNames.All(name => weights.Find(name)!.Type == SafetensorsType.BF16);
        CheckMemory(model, isBf16);
        var store = ParameterStore.Create(
            model.Units, isBf16 ? StorePrecision.Bf16 : StorePrecision.Fp32, OptimizerFactory.Create("sgd"), isTrainable: _ => false);
        try
        {
            await StoreLoader.LoadAsync(weights, store.Units, cancellationToken: cancellation).ConfigureAwait(false);
            var plan = TrainingPlan.For(model).Freeze(_ => true);
            return new TextGenerator(model, tokenizer, plan.Start(store, device), store);
        }
        catch
        {
            store.Dispose();
            throw;
        }
    }

    /// <summary>The continuation of a prompt, piece by piece as it is sampled, up to an end-of-text token or the model's longest sequence.</summary>
    /// <param name="prompt">Taken as plain text, with the tokens that the tokenizer puts before it.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <exception cref="HorizonException">The prompt has no token, or more than the model allows.</exception>
    public async IAsyncEnumerable<string> GenerateAsync(
        string prompt, GenerationOptions? options = null, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        var ids = _tokenizer.Encode(prompt, addSpecialTokens: true);
        // The prompt goes through the decoder too: how the first new token is spelled depends on what stands before it.
        var decoder = new DecodeStream(_tokenizer, skipSpecialTokens: true);
        foreach (var id in ids) decoder.Append(id);
        await foreach (var id in GenerateIdsAsync(ids, options, cancellation).ConfigureAwait(false))
        {
            if (decoder.Append(id) is { Length: > 0 } piece) yield return piece;
        }

        if (decoder.Flush() is { Length: > 0 } rest) yield return rest;
    }

    /// <summary>The same in token ids; the end-of-text token is not given.</summary>
    /// <param name="prompt">At least one token id.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="cancellation">Ends it.</param>
    public async IAsyncEnumerable<int> GenerateIdsAsync(
        IReadOnlyList<int> prompt, GenerationOptions? options = null, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        options ??= new();
        CheckPrompt(prompt);
        var sampler = new TokenSampler(options.Temperature, options.Seed);
        List<int> ids = [.. prompt];
        for (var made = 0; made < options.MaxTokens && ids.Count < _model.MaximumSequenceLength; made++)
        {
            var next = sampler.Next(await NextLogitsAsync(ids, cancellation).ConfigureAwait(false));
            if (_tokenizer.EndOfText.Contains(next)) yield break;
            ids.Add(next);
            yield return next;
        }
    }

    /// <summary>[vocabulary] fp32: the logits of the token after the last one.</summary>
    /// <param name="ids">A text from its beginning.</param>
    /// <param name="cancellation">Ends the pass.</param>
    public async Task<float[]> NextLogitsAsync(IReadOnlyList<int> ids, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(ids);
        var targets = Enumerable.Repeat(MicroBatch.Unlabelled, ids.Count).ToArray();
        targets[^1] = 0; // a label of any kind: the logits of labelled places are what comes back
        var batch = new MicroBatch(1, ids.Count, [.. ids.Select(id => (long)id)], targets, [.. Enumerable.Range(0, ids.Count).Select(place => (long)place)]);
        return (await _run.LogitsAsync([batch], cancellation).ConfigureAwait(false))[0].Numbers;
    }

    /// <summary>A whole continuation.</summary>
    internal async Task<string> ContinueAsync(string prompt, GenerationOptions options, CancellationToken cancellation)
    {
        var text = new StringBuilder();
        await foreach (var piece in GenerateAsync(prompt, options, cancellation).ConfigureAwait(false)) text.Append(piece);
        return text.ToString();
    }

    /// <summary>Frees parameters and buffers that it made; the device stays with the caller.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_owned is null) return;
        await _run.DisposeAsync().ConfigureAwait(false);
        _owned.Dispose();
    }

    private void CheckPrompt(IReadOnlyList<int> prompt)
    {
        if (prompt.Count == 0) throw new HorizonException("the prompt has no token; give at least one word.");
        if (prompt.Count > _model.MaximumSequenceLength)
            throw new HorizonException($"the prompt has {prompt.Count} tokens, the model allows {_model.MaximumSequenceLength}; give a shorter one.");
        if (prompt.FirstOrDefault(id => (uint)id >= (uint)_model.VocabularySize, -1) is var id and >= 0)
            throw new HorizonException($"token id {id} is beyond the model's vocabulary of {_model.VocabularySize}; the tokenizer is another model's.");
    }

    private static void CheckMemory(ModelDefinition model, bool isBf16)
    {
        // bf16 weights with their differences take as much as fp32 weights.
        var needed = new ByteSize((sizeof(float) * model.ParameterCount) + (new PipelineOptions().DeviceBuffers * (isBf16 ? 2 : 4) * model.Units.Max(unit => unit.ElementCount)));
        var available = new ByteSize(MachineMemory.AvailableBytes());
        if (needed > available) throw new HorizonException($"not enough memory: the model needs {needed}, {available} are available.");
    }
}
