using FsCheck;
using Horizon.Flow.Devices;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models.Decoding;
using Horizon.Flow.Models.Dense;
using Horizon.Flow.Testing;
using Horizon.Flow.Models.Tests.Families;
using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Tests;

/// <summary>What is remembered of a text gives the logits of the whole text, whatever part of it went through the model when.</summary>
public class RecallDecoderTests
{
    [Cases(25, Arbitrary = [typeof(ModelCases)])]
    public Task NextLogits_LlamaKind_AsOfTheWholeText(ModelCase model, NonNegativeInt seed) =>
        AssertAsOfTheWhole(ModelFamilies.Define(model.Config), model.Parameters(), new System.Random(seed.Get));

    [Cases(60, Arbitrary = [typeof(FamilyCase.Cases)])]
    public Task NextLogits_EveryFamily_AsOfTheWholeText(FamilyCase family, NonNegativeInt seed)
    {
        var definition = ModelFamilies.Define(family.Config);
        if (family.Config is DenseConfig { Delta: not null }) // linear attention does not remember, and says so
        {
            Assert.Equal(0, RecallDecoder.LongestContext(definition));
            return Task.CompletedTask;
        }

        return AssertAsOfTheWhole(definition, family.Parameters(definition), new System.Random(seed.Get));
    }

    [Fact]
    public async Task Create_UnitThatDoesNotRecall_IsRefusedByName()
    {
        var definition = ModelFamilies.Define(Small.Config);
        definition = definition with { Hidden = [.. definition.Hidden.Select((visit, i) => i == 1 ? visit with { Template = new Forgetful() } : visit)] };
        using var device = new CpuDevice();
        using var store = Store(definition, Small.Parameters());
        var error = await Assert.ThrowsAsync<HorizonException>(() => RecallDecoder.CreateAsync(definition, store, device));
        Assert.Contains(nameof(Forgetful), error.Message, StringComparison.Ordinal);
    }

    /// <summary>A part of a long text needs no head, whose weights are on their way then, to where those of the next part's layers go.</summary>
    [Fact]
    public async Task NextLogits_WeightsSentForNothing_LandBeforeThoseThatTakeTheirPlace()
    {
        var definition = ModelFamilies.Define(Small.Config with { MaximumSequenceLength = 1024 });
        int[] ids = [.. Enumerable.Range(0, 600).Select(place => place * place % definition.VocabularySize)];
        using var device = new LateDevice();
        using var store = Store(definition, Small.Parameters());
        await using var resident = await RecallDecoder.CreateAsync(definition, store, device);
        await using var streamed = await RecallDecoder.CreateAsync(definition, store, device, memory: 0);
        Assert.Equal(store.Units.Count, streamed.StreamedUnits);
        Assert.Equal(await resident.NextLogitsAsync(ids), await streamed.NextLogitsAsync(ids));
    }

    /// <summary>Nothing is sent in the place of what is needed sooner, or each pass would send some weights twice.</summary>
    [Cases(20)]
    public async Task NextLogits_OneTokenMore_SendsNoUnitTwice(byte layers, byte share)
    {
        var definition = ModelFamilies.Define(Small.Config with { LayerCount = 2 + (layers % 5) });
        using var device = new LateDevice();
        using var store = ParameterStore.Create(definition.Units, StorePrecision.Fp32, OptimizerFactory.Create("sgd"), isTrainable: _ => false);
        await using var decoder = await RecallDecoder.CreateAsync(definition, store, device, store.Units.Sum(unit => unit.Weights.ByteLength) * share / 256);
        var ids = new List<int> { 1, 2 };
        await decoder.NextLogitsAsync(ids);
        for (var pass = 0; pass < 3; pass++)
        {
            var before = device.Uploads;
            ids.Add(pass);
            await decoder.NextLogitsAsync(ids);
            Assert.InRange(device.Uploads - before, 0, decoder.StreamedUnits); // fewer where a unit finds itself in its buffer
        }
    }

    /// <summary>Angles that change with the length of the text would change what is remembered.</summary>
    [Theory]
    [InlineData(RopeKind.Dynamic, 32)]
    [InlineData(RopeKind.Linear, 64)]
    public void LongestContext_OfRotations_EndsWhereTheyChange(RopeKind kind, int longest) =>
        Assert.Equal(longest, RecallDecoder.LongestContext(ModelFamilies.Define((Small with { Rope = kind }).Config)));

    private static ModelCase Small { get; } = new(2, 1, 2, 4, 8, 12, 11, true, false, false, false, false, null, RopeKind.Default, null, 1, 8, false, 3);

    private static async Task AssertAsOfTheWhole(ModelDefinition definition, Dictionary<string, float[]> values, System.Random random)
    {
        using var walk = new UnitWalk(definition, values);
        using var exact = new UnitWalk(definition, values, ScalarType.Float64);
        using var device = new JitterDevice(random.Next());
        using var store = Store(definition, values);
        // From what two of the largest units take to all.
        var bytes = store.Units.Select(unit => unit.Weights.ByteLength).ToList();
        var (least, all) = (2 * bytes.Max(), bytes.Sum());
        var memory = random.Next(4) switch { 0 => 0, 1 => least, 2 => all - 1, _ => (long?)null };
        await using var decoder = await RecallDecoder.CreateAsync(definition, store, device, memory);
        Assert.InRange(decoder.StreamedUnits, memory is 0 ? bytes.Count : memory == all - 1 ? 1 : 0, memory is null ? 0 : bytes.Count);
        var longest = Math.Min(24, RecallDecoder.LongestContext(definition));
        var ids = new List<int>();
        var rounding = 1e-6;
        for (var step = 0; step < 6; step++)
        {
            // A text that goes on by some tokens, or turns back to go another way.
            if (random.Next(3) == 0) ids.RemoveRange(ids.Count / 2, ids.Count - (ids.Count / 2));
            for (var more = random.Next(1, 5); more > 0 && ids.Count < longest; more--) ids.Add(random.Next(definition.VocabularySize));
            var found = await decoder.NextLogitsAsync(ids);
            var places = Enumerable.Range(0, ids.Count).Select(place => (long)place).ToArray();
            using var batch = UnitWalk.Batch(new MicroBatch(1, ids.Count, [.. ids.Select(id => (long)id)], places, places));
            // As far from fp64 as fp32 is when it computes the whole text: a random model may be ill-conditioned, which no place alone shows.
            var (truth, plain) = (exact.Logits(batch), walk.Logits(batch));
            float[] At(float[] logits, int place) => logits[(place * definition.VocabularySize)..((place + 1) * definition.VocabularySize)];
            rounding = places.Max(place => Math.Max(rounding, Numbers.RelativeError(At(truth, (int)place), At(plain, (int)place))));
            var (error, limit) = (Numbers.RelativeError(At(truth, ids.Count - 1), found), 10 * rounding);
            Assert.True(error < limit, $"{error} where {limit} is allowed, after {ids.Count} tokens");
        }
    }

    private static ParameterStore Store(ModelDefinition definition, Dictionary<string, float[]> values)
    {
        var store = ParameterStore.Create(definition.Units, StorePrecision.Fp32, OptimizerFactory.Create("sgd"), isTrainable: _ => false);
        StoreValues.Write(store, values);
        return store;
    }

    private sealed class Forgetful : AutogradTemplate
    {
        protected override Tensor Compute(ParameterViews parameters, Tensor? input, DeviceBatch batch) => input!.clone();
    }
}
