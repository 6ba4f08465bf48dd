using FsCheck;
using FsCheck.Fluent;
using Horizon.Flow.Blocks;
using Horizon.Flow.Host.Checkpoints;
using Horizon.Flow.Host.ModelFolders;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Numerics;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models.Adapters;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Distributed.Tests;

/// <summary>Files of whole units, written and read by any number of ranks.</summary>
public class RankFilesTests
{
    private static readonly string[] Rules = ["adamw", "adamw8bit", "lion", "sgd", "muon", "adafactor"];

    public static Arbitrary<FileCase> Cases() =>
        (from model in ModelCases.Cases().Generator
         from writers in Gen.Choose(1, 4)
         from readers in Gen.Choose(1, 4)
         from bf16 in Gen.Elements(true, false)
         from rule in Gen.Elements(Rules)
         from frozen in Gen.Elements(true, false)
         from adapter in Gen.Elements(true, false)
         select new FileCase(model, writers, readers, bf16, rule, frozen, adapter)).ToArbitrary();

    /// <summary>From one rank to some, from these to others, and back to one: what comes back is what went out, state and all.</summary>
    [Cases(40, Arbitrary = [typeof(RankFilesTests)])]
    public async Task Checkpoint_ByAnyNumberOfRanks_IsReadByAnyOther(FileCase random)
    {
        using var temporary = new TemporaryFolder();
        using var original = random.Alone(fill: true);
        TrainingCheckpoints Folder(string name) => new(Path.Combine(temporary.Path, name));
        var wholes = Folder("wholes");
        await original.WriteAsync(wholes, 5);
        using var writers = random.Open(random.Writers);
        await writers.ReadAsync(wholes, 5);
        // What is fixed is the model folder's, and in no checkpoint.
        var (expected, actual) = (SliceValues.Join(original.Plan, [original.Store]), SliceValues.Join(writers.Plans[0], writers.Stores));
        Assert.All(original.Plan.Model.Units.SelectMany(unit => unit.Trained.Parameters), slot => Assert.Equal(expected[slot.TensorName], actual[slot.TensorName]));
        await writers.WriteAsync(Folder("written"), 5);
        using var readers = random.Open(random.Readers);
        await readers.ReadAsync(Folder("written"), 5);
        await readers.WriteAsync(Folder("read"), 5);
        // As a run of one rank reads it, which knows nothing of slices.
        using var alone = random.Alone(fill: false);
        await alone.ReadAsync(Folder("read"));
        Assert.Equal(original.Bytes(), alone.Bytes());
    }

    [Fact]
    public async Task Checkpoint_ThatOneRankCannotWrite_IsNobodys()
    {
        using var temporary = new TemporaryFolder();
        var folder = new TrainingCheckpoints(Path.Combine(temporary.Path, "checkpoints"));
        using var ranks = new FileCase(TrainingCase.Small.Model, 3, 1, true, "adamw", false, false).Open(3);
        var errors = await Task.WhenAll(Enumerable.Range(0, 3).Select(rank => Task.Run(async () =>
        {
            var draft = new RankCheckpoints(folder, ranks.Plans[rank], ranks.Stores[rank], ranks.Sides[rank]).Begin(5, ranks.Stores[rank].ByteLength);
            await using (draft)
            {
                if (rank == 1) return null; // leaves without its part
                await ranks.WriteUnitsAsync(draft, rank);
                return await Record.ExceptionAsync(() => draft.CommitAsync(ranks.Manifest(rank, 5)));
            }
        })));
        Assert.Equal([5L], new[] { 5L }.Except(folder.Steps));
        Assert.All(new[] { errors[0], errors[2] }, error => Assert.Equal("rank 1: its run ended before the checkpoint was complete", error!.Message));
        // The next one is none the worse for it.
        folder.RemoveUnfinished();
        await ranks.WriteAsync(folder, 6);
        Assert.Equal([6], folder.Steps);
    }

    [Cases(20, Arbitrary = [typeof(RankFilesTests)])]
    public async Task Export_OfRanks_IsThatOfOne_AndLoadsIntoSlices(FileCase random)
    {
        using var temporary = new TemporaryFolder();
        var (one, many) = (Path.Combine(temporary.Path, "one"), Path.Combine(temporary.Path, "many"));
        using var alone = random.Alone(fill: true);
        using var ranks = random.Open(random.Writers);
        var values = SliceValues.Join(alone.Plan, [alone.Store]);
        for (var rank = 0; rank < random.Writers; rank++) SliceValues.Write(ranks.Plans[rank], ranks.Stores[rank], rank, random.Writers, values);
        // Adapters as they are trained, in fp32; whole models as the device reads them.
        Func<ParameterSlot, bool>? wanted = random.Adapter ? AdapterLayout.IsAdapter : null;
        var options = new ModelExportOptions { Wanted = wanted, ElementType = random.Adapter ? ElementType.Float32 : alone.Store.WeightType };
        await ModelExporter.ExportAsync(one, alone.Store.Units, options);
        await Task.WhenAll(Enumerable.Range(0, random.Writers).Select(rank => Task.Run(() =>
            RankExport.RunAsync(ranks.Plans[rank], ranks.Stores[rank], ranks.Sides[rank], tensors => ModelExporter.ExportAsync(many, tensors), wanted, masters: random.Adapter))));
        Assert.Equal(File.ReadAllBytes(Path.Combine(one, "model.safetensors")), File.ReadAllBytes(Path.Combine(many, "model.safetensors")));

        using var loaded = random.Open(random.Readers);
        using var files = WeightFiles.Open(one);
        for (var rank = 0; rank < random.Readers; rank++)
        {
            var slices = RankStores.LoadOptions(loaded.Plans[rank].Model, new UnitSlices(loaded.Plans[rank], loaded.Sides[rank]));
            Assert.Null((await StoreLoader.LoadAsync(files, loaded.Stores[rank].Units, slices with { Wanted = wanted })).Warning);
        }

        // A bf16 store exports the rounding of its masters.
        float Rounded(float value) => random is { Bf16: true, Adapter: false } ? ExactMaster.Join(ExactMaster.Split(value).Weight, 0) : value;
        var read = SliceValues.Join(loaded.Plans[0], loaded.Stores);
        foreach (var slot in alone.Plan.Model.Units.SelectMany(unit => unit.Parameters).Where(slot => wanted?.Invoke(slot) != false))
            Assert.Equal(values[slot.TensorName].Select(Rounded), read[slot.TensorName]);
    }

    [Fact]
    public async Task Export_ThatCannotBeWritten_FailsOnEveryRank()
    {
        using var ranks = new FileCase(TrainingCase.Small.Model, 2, 1, true, "adamw", false, false).Open(2);
        var errors = await Task.WhenAll(Enumerable.Range(0, 2).Select(rank => Task.Run(() => Record.ExceptionAsync(() =>
            RankExport.RunAsync(ranks.Plans[rank], ranks.Stores[rank], ranks.Sides[rank], _ => throw new HorizonException("the disk is full"))))));
        Assert.Equal("the disk is full", errors[0]!.Message);
        Assert.Equal("rank 0 could not write the model; its own error says why", errors[1]!.Message);
    }

    public sealed record FileCase(ModelCase Model, int Writers, int Readers, bool Bf16, string Rule, bool Frozen, bool Adapter)
    {
        public StorePrecision Precision => Bf16 ? StorePrecision.Bf16 : StorePrecision.Fp32;

        public TrainingPlan Plan()
        {
            var config = Model.Config with { Adapter = Adapter ? new AdapterConfig(2, 2, ["q_proj", "down_proj"]) : null };
            var plan = TrainingPlan.For(Models.ModelFamilies.Define(config), new() { Optimizer = UpdateRules.Create(Rule) });
            if (Adapter) return plan.Freeze(unit => unit.Trained.ElementCount == 0);
            return Frozen && plan.Model.Units.Count > 1 ? plan.Freeze(unit => unit == plan.Model.Units[1]) : plan;
        }

        internal RankSet Open(int ranks) => new(this, ranks);

        internal OneStore Alone(bool fill) => new(this, fill);
    }

    /// <summary>One rank that knows nothing of others.</summary>
    internal sealed class OneStore : IDisposable
    {
        public OneStore(FileCase random, bool fill)
        {
            Plan = random.Plan();
            Store = Plan.CreateStore(random.Precision);
            var source = new Random(1);
            foreach (var unit in Store.Units)
            {
                if (fill)
                {
                    foreach (var state in unit.OptimizerState) source.NextBytes(state.Span<byte>(0, (int)state.ByteLength));
                    var masters = new float[unit.Layout.ElementCount];
                    for (var i = 0; i < masters.Length; i++) masters[i] = source.NextSingle() - 0.5f;
                    unit.WriteMasters(0, masters);
                }
            }
        }

        public TrainingPlan Plan { get; }

        public ParameterStore Store { get; }

        private CheckpointContents Contents => CheckpointContents.Of(Plan.Model.Architecture, Store, Plan.Options.Optimizer);

        public async Task WriteAsync(TrainingCheckpoints folder, long step)
        {
            await using var draft = folder.Begin(step, Store.ByteLength);
            for (var unit = 0; unit < Store.Units.Count; unit++) await draft.WriteUnitAsync(unit, UnitImage.Of(Store.Units[unit], Contents.Units[unit]), default);
            await draft.CommitAsync(CheckpointManifest.Of(step, [.. Store.Units.Select((_, i) => new UnitCounts(Store.IsTrainable(i) ? step : 0, 0))], Contents), default);
        }

        public async Task ReadAsync(TrainingCheckpoints folder) => Assert.NotNull(await folder.LoadNewestAsync(Store, Contents, Assert.Fail));

        // What is fixed is the model folder's, and in no checkpoint.
        public IReadOnlyList<byte[]> Bytes() => [.. Store.Units.SelectMany(unit => unit.Buffers.Select(buffer =>
        {
            var first = buffer == unit.Weights ? unit.Layout.FixedElements * unit.WeightType.ByteSize() : 0;
            return buffer.Span<byte>(first, (int)(buffer.ByteLength - first)).ToArray();
        }))];

        public void Dispose() => Store.Dispose();
    }

    internal sealed class RankSet : IDisposable
    {
        public RankSet(FileCase random, int ranks)
        {
            Sides = HostCollectives.CreateLocal(ranks);
            Plans = [.. Sides.Select(side => random.Plan().Distribute(side))];
            Stores = [.. Plans.Select(plan => plan.CreateStore(random.Precision))];
        }

        public IReadOnlyList<HostCollectives> Sides { get; }

        public IReadOnlyList<TrainingPlan> Plans { get; }

        public IReadOnlyList<ParameterStore> Stores { get; }

        public async Task ReadAsync(TrainingCheckpoints folder, long step)
        {
            for (var rank = 0; rank < Stores.Count; rank++)
            {
                var (whole, cut) = RankStores.Contents(Plans[rank], Stores[rank], Sides[rank]);
                Assert.NotNull(await folder.LoadNewestAsync(Stores[rank], whole, Assert.Fail, cut: cut));
                Assert.Equal(step, Stores[rank].Step);
            }
        }

        public Task WriteAsync(TrainingCheckpoints folder, long step) => Task.WhenAll(Enumerable.Range(0, Stores.Count).Select(rank => Task.Run(async () =>
        {
            var draft = new RankCheckpoints(folder, Plans[rank], Stores[rank], Sides[rank]).Begin(step, Stores[rank].ByteLength);
            await using (draft)
            {
                await WriteUnitsAsync(draft, rank);
                Assert.Equal(folder.PathOf(step), await draft.CommitAsync(Manifest(rank, step)));
            }
        })));

        public async Task WriteUnitsAsync(ICheckpointDraft draft, int rank)
        {
            var contents = Contents(rank);
            for (var unit = 0; unit < Stores[rank].Units.Count; unit++) await draft.WriteUnitAsync(unit, UnitImage.Of(Stores[rank].Units[unit], contents.Units[unit]));
        }

        public CheckpointManifest Manifest(int rank, long step) =>
            CheckpointManifest.Of(step, [.. Stores[rank].Units.Select((_, i) => new UnitCounts(Stores[rank].IsTrainable(i) ? step : 0, 0))], Contents(rank));

        public void Dispose()
        {
            foreach (var store in Stores) store.Dispose();
        }

        private CheckpointContents Contents(int rank) => CheckpointContents.Of(Plans[rank].Model.Architecture, Stores[rank], Plans[rank].Options.Optimizer);
    }
}
