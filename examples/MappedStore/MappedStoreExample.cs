using Horizon.Flow;
using Horizon.Flow.Blocks;
using Horizon.Flow.Graph;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Messages;
using Horizon.Flow.Resources;
using Horizon.Flow.Units;

namespace Horizon.Examples;

/// <summary>
/// Another source of weights: parameters and moments lie in files, mapped into memory, so that a model larger than RAM can train from an
/// NVMe disk. Fetch reads a unit into one of a few page-locked buffers; what the update changed is written back before the unit's
/// version rises.
/// </summary>
public static class MappedStoreExample
{
    /// <summary>What <see cref="RunAsync"/> shows.</summary>
    /// <param name="InMemory">Trained in memory.</param>
    /// <param name="InFiles">Trained in files.</param>
    /// <param name="FromDisk">The parameters as files opened anew hold them.</param>
    /// <param name="FileBytes">What lies in files.</param>
    /// <param name="BufferBytes">Page-locked buffers in memory.</param>
    public sealed record Shown(Outcome InMemory, Outcome InFiles, IReadOnlyList<float[]> FromDisk, long FileBytes, long BufferBytes);

    /// <summary>Trains in memory and in files.</summary>
    public static async Task<Shown> RunAsync(TextWriter output, int steps = 8, StorePrecision precision = StorePrecision.Bf16)
    {
        var plan = TrainingPlan.For(Tiny.Model, Tiny.Options);
        using var inMemory = Tiny.Fill(plan, plan.CreateStore(precision));
        var expected = await Outcome.OfAsync(plan, inMemory, steps).ConfigureAwait(false);

        var folder = Directory.CreateTempSubdirectory("horizon-mapped-").FullName;
        try
        {
            Outcome trained;
            using (var store = Tiny.Fill(plan, CreateMapped(plan, precision, folder)))
                trained = await Outcome.OfAsync(FromFiles(plan), store, steps).ConfigureAwait(false);
            using var reopened = CreateMapped(plan, precision, folder);
            var shown = new Shown(
                expected,
                trained,
                Outcome.Read(reopened),
                new DirectoryInfo(folder).EnumerateFiles().Sum(file => file.Length),
                Buffers * LargestUnit(plan.Model, reopened));
            await output.WriteLineAsync($"{shown.FileBytes:N0} bytes of parameters and moments in files, {shown.BufferBytes:N0} bytes of page-locked buffers").ConfigureAwait(false);
            await output.WriteLineAsync($"loss {trained.Reports[0].Loss:F3} -> {trained.LastLoss:F3}, bitwise equal to the run in memory: {trained.IsBitwise(expected)}").ConfigureAwait(false);
            return shown;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private const int Buffers = 2;

    // <snippet>
    private static ParameterStore CreateMapped(TrainingPlan plan, StorePrecision precision, string folder)
    {
        var files = 0;
        return plan.CreateStore(
            precision, allocate: bytes => HostBuffer.Map(Path.Combine(folder, $"{files++:D5}.bin"), offset: 0, bytes));
    }

    private static TrainingPlan FromFiles(TrainingPlan plan) => plan
        .At(Stages.Fetch).Replace(FetchFromFile)
        .At(Stages.Update).InsertAfter("write back", (run, stage) => new StageBlock<UnitUpdated, UnitUpdated>(stage, (updated, _) =>
        {
            run.Store.Units[updated.Visit.Unit].Flush(); // on disk before commit raises the unit's version
            return ValueTask.FromResult<UnitUpdated?>(updated);
        }));
    // </snippet>

    // <snippet fetch>
    private static StageBlock<LoadRequest, HostUnit> FetchFromFile(TrainingContext run, StageOptions stage)
    {
        var store = run.Store;
        var buffers = run.Register(SlabPool.Shared("units in memory", run.Device, Buffers, LargestUnit(run.Model, store), run.Model.Units.Count));
        return new(stage, async (request, call) =>
        {
            var visit = request.Visit;
            await call.WaitForGraph(store.WaitForVersionAsync(visit.Unit, request.Version, call.Cancellation)).ConfigureAwait(false);
            FetchBlock.CheckVersion(store, request);
            var buffer = await call.WaitFor(buffers.RentAsync(visit.Unit, call.Cancellation)).ConfigureAwait(false);
            Copy(store.Units[visit.Unit].Weights, buffer.Value);
            return new HostUnit(visit, buffer.Value, release: buffer, store.Units[visit.Unit].Weights.ByteLength); // upload gives it back once the device has read it
        });
    }
    // </snippet fetch>

    private static void Copy(HostBuffer source, HostBuffer target)
    {
        const int Piece = 1 << 24;
        for (long start = 0; start < source.ByteLength; start += Piece)
        {
            var count = (int)Math.Min(Piece, source.ByteLength - start);
            source.Span<byte>(start, count).CopyTo(target.Span<byte>(start, count));
        }
    }

    private static long LargestUnit(ModelDefinition model, ParameterStore store) =>
        model.Units.Max(unit => unit.ElementCount) * store.WeightType.ByteSize();
}
