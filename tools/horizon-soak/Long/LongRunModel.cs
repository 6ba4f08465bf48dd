using Horizon.Flow.Devices;
using Horizon.Flow.Host.ModelFolders;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models;
using Horizon.Flow.Text.Batches;
using Horizon.Flow.Text.Data;
using Horizon.Flow.Text.Tokenizers;

namespace Horizon.Flow.Soak;

/// <summary>What every verb trains: stories260K on text.</summary>
internal sealed class LongRunModel
{
    private const int MicroBatches = 2;

    private readonly BatchSource _data;

    public LongRunModel()
    {
        var model = ModelFamilies.Define(ModelFolder.ReadConfig(Quickstart.Model));
        Plan = TrainingPlan.For(model, new() { LearningRate = _ => 1e-4, GradientAccumulation = MicroBatches });
        _data = BatchSource.Open(
            new DataOptions { Path = Quickstart.Text("train.txt"), SequenceLength = 48 }, HuggingFaceTokenizer.Load(Quickstart.Model), model.VocabularySize, batchSize: 2, seed: 1);
    }

    public TrainingPlan Plan { get; }

    /// <summary>The device of that name; on tensors this small a second thread would only wait for the first.</summary>
    public static IComputeDevice Open(string deviceName) => deviceName == "cpu" ? new CpuDevice(threads: 1) : ComputeDevice.Parse(deviceName);

    /// <summary>A store with the model's weights.</summary>
    public async Task<ParameterStore> CreateStoreAsync()
    {
        var store = Plan.CreateStore(StorePrecision.Fp32);
        using var checkpoint = WeightFiles.Open(Quickstart.Model);
        await StoreLoader.LoadAsync(checkpoint, store.Units).ConfigureAwait(false);
        return store;
    }

    /// <summary>The micro-batches of a step, counted from 0; the data begin again where they end.</summary>
    public IReadOnlyList<MicroBatch> Step(long step)
    {
        var all = _data.MicroBatchesPerEpoch(0) / MicroBatches;
        var (epoch, place) = ((int)(step / all), (int)(step % all));
        return [.. Enumerable.Range(place * MicroBatches, MicroBatches).Select(index => _data.GetMicroBatch(epoch, index))];
    }
}
