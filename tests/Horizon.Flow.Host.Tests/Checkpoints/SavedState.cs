using Horizon.Flow.Host.Checkpoints;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;

namespace Horizon.Flow.Host.Tests;

/// <summary>A random store of a few small units with any optimizer, perhaps one of them frozen.</summary>
internal sealed class SavedState : IDisposable
{
    private readonly IHostOptimizer _optimizer;

    public SavedState(int seed, StorePrecision? precision = null, string? optimizer = null, string architecture = "llama", bool own = false, bool frozenLater = false)
    {
        var random = new Random(seed);
        _optimizer = OptimizerFactory.Create(optimizer ?? OptimizerFactory.Names.Order(StringComparer.Ordinal).ElementAt(random.Next(OptimizerFactory.Names.Count)));
        var frozen = random.Next(4);
        var layouts = Enumerable.Range(0, random.Next(1, 4)).Select(unit => new UnitLayout($"unit {unit}", $"kind {unit}", Parameters(unit, random)));
        Store = ParameterStore.Create(layouts.ToList(), precision ?? (random.Next(2) == 0 ? StorePrecision.Fp32 : StorePrecision.Bf16), _optimizer, layout => layout.Name != $"unit {frozen}" || frozen == 0, own: own ? [new("mine", layout => layout.ElementCount % 7), new("average", layout => layout.ElementCount * 4)] : null);
        // A unit that was trained and is frozen now keeps its moments.
        if (frozenLater) Store = Store.For(_optimizer, layout => layout.Name != "unit 0", own: own ? [new("average", layout => layout.ElementCount * 4), new("mine", layout => layout.ElementCount % 7)] : null);
        foreach (var buffer in Buffers) random.NextBytes(buffer.Span<byte>(0, (int)buffer.ByteLength));
        var step = random.Next(1, 1000);
        Store.Reset(step, [.. Store.Units.Select(_ => (long)random.Next(0, step + 1))]);
        for (var unit = 0; unit < Store.Units.Count; unit++) Store.Units[unit].Updates = Store.IsTrainable(unit) || frozenLater ? random.Next(0, (int)Store.VersionOf(unit) + 1) : 0;
        Contents = CheckpointContents.Of(architecture, Store, _optimizer);
    }

    public ParameterStore Store { get; }

    public CheckpointContents Contents { get; }

    public IReadOnlyList<byte[]> State =>
        [BitConverter.GetBytes(Store.Step), [.. Counts.SelectMany(counts => BitConverter.GetBytes(counts.Version).Concat(BitConverter.GetBytes(counts.Updates)))], .. Buffers.Select(buffer => buffer.Span<byte>(0, (int)buffer.ByteLength).ToArray())];

    private IReadOnlyList<UnitCounts> Counts => [.. Store.Units.Select((unit, i) => new UnitCounts(Store.VersionOf(i), unit.Updates))];

    private IEnumerable<HostBuffer> Buffers => Store.Units.SelectMany(unit => unit.OptimizerState.Concat(unit.Own.Values).Append(unit.Weights).Append(unit.Difference)).OfType<HostBuffer>();

    /// <summary>The same layout, with other numbers in it.</summary>
    public static SavedState Other(int seed, bool own = false, bool frozenLater = false)
    {
        var other = new SavedState(seed, own: own, frozenLater: frozenLater);
        foreach (var buffer in other.Buffers) buffer.Span<byte>(0, (int)buffer.ByteLength).Fill(0xA5);
        other.Store.Reset(0);
        foreach (var unit in other.Store.Units) unit.Updates = 0;
        return other;
    }

    /// <summary>Writes it as the checkpoint of a step.</summary>
    public async Task<string> WriteAsync(TrainingCheckpoints folder, long step, bool copied = false, CheckpointContents? contents = null)
    {
        contents ??= Contents;
        await using var draft = folder.Begin(step, Store.ByteLength);
        using var workers = new HostWorkers(2);
        for (var unit = Store.Units.Count - 1; unit >= 0; unit--)
        {
            var image = UnitImage.Of(Store.Units[unit], contents.Units[unit]);
            using var copy = new HostBuffer(image.CopyLength);
            await draft.WriteUnitAsync(unit, copied ? image.CopyTo(copy, workers) : image);
        }

        return await draft.CommitAsync(CheckpointManifest.Of(step, Counts, contents, "a: 1\n", new Dictionary<string, string> { ["epoch"] = "3" }));
    }

    public void Dispose() => Store.Dispose();

    private static (string Role, string TensorName, long[] Shape)[] Parameters(int unit, Random random) =>
        [.. Enumerable.Range(0, random.Next(1, 4)).Select(i => ($"p{i}", $"model.{unit}.p{i}", random.Next(2) == 0 ? (long[])[random.Next(1, 40)] : [random.Next(1, 9), random.Next(1, 300)]))];
}
