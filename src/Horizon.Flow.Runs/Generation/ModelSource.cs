using Horizon.Flow.Host.Files;
using Horizon.Flow.Host.ModelFolders;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Safetensors;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models;
using Horizon.Flow.Models.Adapters;
using Horizon.Flow.Text.Tokenizers;
using Horizon.Flow.Units;

namespace Horizon.Flow.Runs.Generation;

/// <summary>A model as it lies on disk: a Hugging Face folder, and where there are some the adapters on it.</summary>
public sealed class ModelSource
{
    private const string TokenizerFile = "tokenizer.json";

    private ModelSource(string folder, AdapterFolder? adapters)
    {
        (Folder, Adapters) = (folder, adapters);
        Config = ModelFolder.ReadConfig(folder) with { Adapter = adapters?.Adapter };
        Model = ModelFamilies.Define(Config);
    }

    /// <summary>The folder of the whole model.</summary>
    public string Folder { get; }

    /// <summary>The adapters; null for none.</summary>
    public AdapterFolder? Adapters { get; }

    /// <summary>What config.json says, with the adapters.</summary>
    public ModelConfig Config { get; }

    /// <summary>The model as units and templates.</summary>
    public ModelDefinition Model { get; }

    /// <summary>Finds a model and reads what it says of itself.</summary>
    /// <param name="folder">A Hugging Face folder, or one of PEFT's whose base model is a folder here.</param>
    /// <param name="adapter">A PEFT folder whose adapters belong to <paramref name="folder"/>; null for none.</param>
    /// <exception cref="HorizonException">There is no model that can be read, or no base of the adapters.</exception>
    public static ModelSource Open(string folder, string? adapter = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        if (adapter is not null) return new ModelSource(folder, AdapterFolder.Open(adapter));
        if (!AdapterFolder.IsThere(folder)) return new ModelSource(folder, null);
        var adapters = AdapterFolder.Open(folder);
        return new ModelSource(BaseOf(adapters), adapters);
    }

    /// <summary>The tokenizer that lies with the adapters, or with the model.</summary>
    /// <exception cref="HorizonException">There is none that can be read.</exception>
    public HuggingFaceTokenizer LoadTokenizer() =>
        HuggingFaceTokenizer.Load(Adapters is not null && UntrustedFile.IsThere(Path.Combine(Adapters.Path, TokenizerFile)) ? Adapters.Path : Folder);

    /// <summary>Bf16 where all weights are; fp32 elsewhere, since fp16 weights are exact in fp32 alone.</summary>
    /// <exception cref="HorizonException">There are no weights, or they are damaged.</exception>
    public StorePrecision FindPrecision()
    {
        using var weights = WeightFiles.Open(Folder);
        return weights.TensorNames.All(name => weights.Find(name)!.Type == SafetensorsType.BF16) ? StorePrecision.Bf16 : StorePrecision.Fp32;
    }

    /// <summary>Loads the weights.</summary>
    /// <param name="precision">The store's.</param>
    /// <param name="exactAdapters">Whether a bf16 store keeps adapters exactly, to be merged; a device reads their roundings.</param>
    /// <param name="cancellation">Ends the loading.</param>
    /// <exception cref="HorizonException">Weights are missing, damaged or another model's.</exception>
    public async Task<ParameterStore> LoadAsync(StorePrecision precision, bool exactAdapters = false, CancellationToken cancellation = default)
    {
        var store = ParameterStore.Create(
            Model.Units, precision, OptimizerFactory.Create("sgd"), unit => exactAdapters && unit.FixedElements > 0 && unit.Trained.ElementCount > 0);
        try
        {
            await LoadIntoAsync(store, cancellation).ConfigureAwait(false);
            return store;
        }
        catch
        {
            store.Dispose();
            throw;
        }
    }

    /// <summary>Looks whether all weights of a store of the same model are there and fit it, without reading one.</summary>
    /// <exception cref="HorizonException">Weights are missing or another model's, or a file is damaged.</exception>
    internal void Check(ParameterStore store)
    {
        using (var weights = WeightFiles.Open(Folder)) StoreLoader.Check(weights, store.Units, new() { Wanted = slot => !AdapterLayout.IsAdapter(slot) });
        if (Adapters is null) return;
        using var adapters = Adapters.OpenWeights();
        StoreLoader.Check(adapters, store.Units, new() { Wanted = AdapterLayout.IsAdapter });
    }

    /// <summary>Loads the weights into a store of the same model.</summary>
    /// <param name="store">After an error or a cancellation its contents are undefined.</param>
    /// <param name="cancellation">Ends the loading.</param>
    /// <exception cref="HorizonException">Weights are missing, damaged or another model's.</exception>
    internal async Task LoadIntoAsync(ParameterStore store, CancellationToken cancellation)
    {
        using (var weights = WeightFiles.Open(Folder))
            await StoreLoader.LoadAsync(weights, store.Units, new() { Wanted = slot => !AdapterLayout.IsAdapter(slot) }, cancellationToken: cancellation).ConfigureAwait(false);
        if (Adapters is not null) await LoadAdaptersAsync(Adapters, store, cancellation).ConfigureAwait(false);
    }

    /// <summary>Loads the weights of adapters into a store of a model that has them.</summary>
    /// <param name="adapters">The folder.</param>
    /// <param name="store">The store.</param>
    /// <param name="cancellation">Ends the loading.</param>
    /// <param name="slices">Where the store has slices of the units, which; null where it has whole ones.</param>
    /// <exception cref="HorizonException">One is missing, of another shape, or not of this model.</exception>
    internal static async Task LoadAdaptersAsync(AdapterFolder adapters, ParameterStore store, CancellationToken cancellation, LoadOptions? slices = null)
    {
        using var weights = adapters.OpenWeights();
        var result = await StoreLoader.LoadAsync(weights, store.Units, (slices ?? new()) with { Wanted = AdapterLayout.IsAdapter }, cancellationToken: cancellation).ConfigureAwait(false);
        if (result.UnexpectedTensors is [var other, ..])
            throw new HorizonException($"{adapters.Path} holds {other}, which is no adapter of this model: its base is another one, or it needs more than adapters");
    }

    private static string BaseOf(AdapterFolder adapters)
    {
        var named = adapters.BaseModel ?? throw new HorizonException($"{adapters.Path} does not say what its adapters were made for; name that folder as the model, and this one with --adapter");
        return new[] { Path.Combine(adapters.Path, named), named }.FirstOrDefault(Directory.Exists)
            ?? throw new HorizonException($"{adapters.Path} names its base model '{named}', which is no folder here; name the folder as the model, and this one with --adapter");
    }
}
