using FsCheck;
using FsCheck.Fluent;
using Horizon.Flow.Host.Checkpoints;
using Horizon.Flow.Host.ModelFolders;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Distributed.Tests;

/// <summary>Files of whole units, written and read by any number of ranks.</summary>
public class RankFilesTests
{
    private static readonly string[] Rules = ["adamw", "lion", "sgd"];

    public static Arbitrary<FileCase> Cases() =>
        (from model in ModelCases.Cases().Generator
         from writers in Gen.Choose(1, 4)
         from readers in Gen.Choose(1, 4)
         from bf16 in Gen.Elements(true, false)
         from rule in Gen.Elements(Rules)
         from frozen in Gen.Elements(true, false)
         select new FileCase(model, writers, readers, bf16, rule, frozen)).ToArbitrary();

    [Cases(40, Arbitrary = [typeof(RankFilesTests)])]
    public async Task Checkpoint_ByAnyNumberOfRanks_IsReadByAnyOther(FileCase random)
    {
        using var temporary = new TemporaryFolder();
        var folder = new TrainingCheckpoints(Path.Combine(temporary.Path, "checkpoints"));
        using var written = random.Open(random.Writers, fill: true);
        await written.WriteAsync(folder, 5);
        Assert.Equal([5], folder.Steps);
        using var read = random.Open(random.Readers, fill: false);
        for (var rank = 0; rank < random.Readers; rank++)
        {
            var (whole, cut) = RankStores.Contents(read.Plans[rank], read.Stores[rank], read.Sides[rank]);
            Assert.NotNull(await folder.LoadNewestAsync(read.Stores[rank], whole, Assert.Fail, cut: cut));
            Assert.Equal(5, read.Stores[rank].Step);
        }

        Assert.Equal(written.Bytes(), read.Bytes());
        // As a run of one rank reads it, which knows nothing of slices.
        var plan = random.Plan();
        using var alone = plan.CreateStore(random.Precision);
        Assert.NotNull(await folder.LoadNewestAsync(alone, CheckpointContents.Of(plan.Model.Architecture, alone, plan.Options.Optimizer), Assert.Fail));
        Assert.Equal(written.Bytes(), alone.Units.SelectMany(unit => unit.Buffers).Select(buffer => buffer.Span<byte>(0, (int)buffer.ByteLength).ToArray()));
    }

    [Fact]
    public async Task Checkpoint_ThatOneRankCannotWrite_IsNobodys()
    {
        using var temporary = new TemporaryFolder();
        var folder = new TrainingCheckpoints(Path.Combine(temporary.Path, "checkpoints"));
        using var ranks = new FileCase(TrainingCase.Small.Model, 3, 1, true, "adamw", false).Open(3, fill: true);
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
        using var ranks = random.Open(random.Writers, fill: true);
        using var alone = random.Open(1, fill: true);
        await ModelExporter.ExportAsync(one, alone.Stores[0].Units);
        await Task.WhenAll(Enumerable.Range(0, random.Writers).Select(rank => Task.Run(() =>
            RankExport.RunAsync(ranks.Plans[rank].Model, ranks.Stores[rank], ranks.Sides[rank], tensors => ModelExporter.ExportAsync(many, tensors)))));
        Assert.Equal(File.ReadAllBytes(Path.Combine(one, "model.safetensors")), File.ReadAllBytes(Path.Combine(many, "model.safetensors")));

        using var loaded = random.Open(random.Readers, fill: false);
        using var files = WeightFiles.Open(one);
        for (var rank = 0; rank < random.Readers; rank++)
        {
            var result = await StoreLoader.LoadAsync(files, loaded.Stores[rank].Units, RankStores.LoadOptions(loaded.Plans[rank].Model, loaded.Sides[rank]));
            Assert.Null(result.Warning);
        }

        var model = random.Plan().Model;
        var expected = SliceValues.Join(model, [alone.Stores[0]]);
        // A bf16 store exports the rounding of its masters.
        if (random.Bf16) expected = expected.ToDictionary(pair => pair.Key, pair => pair.Value.Select(value => Horizon.Flow.Host.Numerics.ExactMaster.Join(Horizon.Flow.Host.Numerics.ExactMaster.Split(value).Weight, 0)).ToArray());
        Assert.All(SliceValues.Join(model, loaded.Stores), pair => Assert.Equal(expected[pair.Key], pair.Value));
    }

    [Fact]
    public async Task Export_ThatCannotBeWritten_FailsOnEveryRank()
    {
        using var ranks = new FileCase(TrainingCase.Small.Model, 2, 1, true, "adamw", false).Open(2, fill: true);
        var errors = await Task.WhenAll(Enumerable.Range(0, 2).Select(rank => Task.Run(() => Record.ExceptionAsync(() =>
            RankExport.RunAsync(ranks.Plans[rank].Model, ranks.Stores[rank], ranks.Sides[rank], _ => throw new HorizonException("the disk is full"))))));
        Assert.Equal("the disk is full", errors[0]!.Message);
        Assert.Equal("rank 0 could not write the model; its own error says why", errors[1]!.Message);
    }

    public sealed record FileCase(ModelCase Model, int Writers, int Readers, bool Bf16, string Rule, bool Frozen)
    {
        public StorePrecision Precision => Bf16 ? StorePrecision.Bf16 : StorePrecision.Fp32;

        public TrainingPlan Plan()
        {
            var plan = TrainingPlan.For(Horizon.Flow.Models.ModelFamilies.Define(Model.Config), new() { Optimizer = OptimizerFactory.Create(Rule) });
            return Frozen && plan.Model.Units.Count > 1 ? plan.Freeze(unit => unit == plan.Model.Units[1]) : plan;
        }

        internal RankSet Open(int ranks, bool fill) => new(this, ranks, fill);
    }

    internal sealed class RankSet : IDisposable
    {
        public RankSet(FileCase random, int ranks, bool fill)
        {
            Sides = HostCollectives.CreateLocal(ranks);
            Plans = [.. Sides.Select(side => random.Plan().Distribute(side))];
            Stores = [.. Plans.Select(plan => plan.CreateStore(random.Precision))];
            if (!fill) return;
            // By the place in the whole, so that every number of ranks has the same.
            for (var unit = 0; unit < Stores[0].Units.Count; unit++)
            {
                var count = Stores[0].Units[unit].Buffers.Count();
                for (var buffer = 0; buffer < count; buffer++)
                {
                    var source = new Random((unit * 100) + buffer);
                    foreach (var store in Stores) source.NextBytes(store.Units[unit].Buffers.ElementAt(buffer).Span<byte>(0, (int)store.Units[unit].Buffers.ElementAt(buffer).ByteLength));
                }

                foreach (var store in Stores) Finite(store.Units[unit]);
            }
        }

        public IReadOnlyList<HostCollectives> Sides { get; }

        public IReadOnlyList<TrainingPlan> Plans { get; }

        public IReadOnlyList<ParameterStore> Stores { get; }

        // Masters that a model may have.
        private static void Finite(UnitState unit)
        {
            var values = new float[unit.Layout.ElementCount];
            unit.ReadMasters(0, values);
            for (var i = 0; i < values.Length; i++) values[i] = float.IsFinite(values[i]) && Math.Abs(values[i]) < 1e30f ? values[i] : 1.5f;
            unit.WriteMasters(0, values);
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

        public List<byte[]> Bytes() => [.. Enumerable.Range(0, Stores[0].Units.Count).SelectMany(unit => Enumerable.Range(0, Stores[0].Units[unit].Buffers.Count())
            .Select(buffer => Stores.SelectMany(store => store.Units[unit].Buffers.ElementAt(buffer).Span<byte>(0, (int)store.Units[unit].Buffers.ElementAt(buffer).ByteLength).ToArray()).ToArray()))];

        public void Dispose()
        {
            foreach (var store in Stores) store.Dispose();
        }

        private CheckpointContents Contents(int rank) => CheckpointContents.Of(Plans[rank].Model.Architecture, Stores[rank], Plans[rank].Options.Optimizer);
    }
}
