using System.CommandLine;
using System.Diagnostics;
using Horizon.Flow.Devices;
using Horizon.Flow.Distributed;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Bench;

/// <summary><c>ranks</c>: collectives between processes, their results and their rates. Every rank is started by torchrun or its like.</summary>
internal static class RanksVerb
{
    public static Command Create()
    {
        var (device, limit) = (Verb.Device(), Verb.Limit());
        var elements = new Option<long>("--elements") { Description = "Elements of a whole unit.", DefaultValueFactory = _ => 4_000_000 };
        var command = new Command("ranks", "Checks collectives between the processes that torchrun or its like has started, and times them.") { device, limit, elements };
        command.SetAction((arguments, _) => Verb.GuardAsync(report => RunAsync(arguments.GetValue(device)!, TimeSpan.FromSeconds(arguments.GetValue(limit)), arguments.GetValue(elements), report)));
        return command;
    }

    private static async Task RunAsync(string name, TimeSpan limit, long elements, Report report)
    {
        using var device = ComputeDevice.Parse(name, report.Warn);
        using var ranks = await BenchRanks.JoinAsync(device, report)
            ?? throw new HorizonException("there is one rank; start several with torchrun, srun or mpirun");
        report.Say($"device {device.Name}");
        foreach (var type in new[] { ElementType.Float32, ElementType.BFloat16 })
        {
            var each = elements / ranks.Count;
            await report.Part($"{type}", limit, () => CheckAsync(device, ranks, type, SharedStretch.Of([.. Enumerable.Repeat(each, ranks.Count)]), "", report));
            // As with an update rule that needs whole matrices: the first has least, the last has most.
            await report.Part($"{type} in parts", limit, () => CheckAsync(device, ranks, type, SharedStretch.Of([.. Enumerable.Range(0, ranks.Count).Select(rank => 2 * each * rank / ranks.Count)]), " in unequal parts", report));
        }

        var sums = await ranks.SumAsync("check", [ranks.Rank + 1]);
        report.Check("numbers of the host are added", sums[0] == ranks.Count * (ranks.Count + 1) / 2.0);
    }

    private static async Task CheckAsync(IComputeDevice device, ICollectives ranks, ElementType type, SharedStretch stretch, string how, Report report)
    {
        using var stream = device.OpenStream("collectives");
        using var slice = device.Allocate(stretch.Largest, type);
        using var whole = device.Allocate(stretch.Count, type);
        var filled = await device.Lane.RunAsync(() =>
        {
            slice.Flat.FillInPlace((float)(ranks.Rank + 1));
            return device.RecordCompute();
        });
        var gathered = await EnqueueAsync(filled, handle => ranks.AllGather(slice, whole, stretch, handle));
        var right = await device.Lane.RunAsync(() =>
        {
            device.ComputeWaits(gathered);
            return Enumerable.Range(0, ranks.Count).All(rank => All(whole.Flat.narrow(0, stretch.Firsts[rank], stretch.Counts[rank]), rank + 1));
        });
        report.Check($"all-gather of {type}{how}", right);
        var summed = await EnqueueAsync(await device.Lane.RunAsync(device.RecordCompute), handle => ranks.ReduceScatter(whole, slice, stretch, handle));
        right = await device.Lane.RunAsync(() =>
        {
            device.ComputeWaits(summed);
            return All(slice.Flat.narrow(0, 0, stretch.Counts[ranks.Rank]), (ranks.Rank + 1) * ranks.Count);
        });
        report.Check($"reduce-scatter of {type}{how}", right);
        await TimeAsync("all-gather", handle => ranks.AllGather(slice, whole, stretch, handle));
        await TimeAsync("reduce-scatter", handle => ranks.ReduceScatter(whole, slice, stretch, handle));

        Task<Fence> EnqueueAsync(Fence after, Action<nint> work) => device.Lane.RunAsync(() => stream.Enqueue([after], work));

        async Task TimeAsync(string what, Action<nint> work)
        {
            const int Rounds = 10;
            await (await EnqueueAsync(Fence.Completed, work)).WaitAsync();
            await ranks.BarrierAsync();
            var start = Stopwatch.GetTimestamp();
            var last = Fence.Completed;
            for (var i = 0; i < Rounds; i++) last = await EnqueueAsync(Fence.Completed, work);
            var launched = Stopwatch.GetElapsedTime(start);
            await last.WaitAsync();
            var each = Stopwatch.GetElapsedTime(start).TotalMilliseconds / Rounds;
            report.Say($"{what} of {whole.ByteLength / 1e6:F0} MB {type}{how}: {each:F2} ms, launched in {launched.TotalMilliseconds / Rounds:F3} ms");
        }
    }

    private static bool All(Tensor values, int expected)
    {
        using var scope = NewDisposeScope();
        return values.eq(tensor((float)expected, device: values.device)).all().cpu().item<bool>();
    }
}
