using Horizon.Flow.Activations;
using Horizon.Flow.Devices;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models;
using Horizon.Flow.Native;

namespace Horizon.Flow.Bench;

/// <summary>Training on a device against training on the CPU, against itself, and under poison.</summary>
internal static class CheckCommand
{
    private const double Fp32Tolerance = 1e-4;

    public static async Task RunAsync(string name, int seed, int cases, TimeSpan limit, Report report)
    {
        using var cpu = new CpuDevice();
        using var device = ComputeDevice.Parse(name, report.Warn);
        report.Say($"device {device.Name}, libtorch from {NativeTorch.Load()}");
        await OperatorCheck.RunAsync(device, limit, report);
        await DeltaCheck.RunAsync(device, limit, report);
        await RowAttentionCheck.RunAsync(device, limit, report);
        foreach (var one in CheckCase.Some(seed, cases))
        {
            CheckOutcome? exact = null;
            await report.Part($"fp32 {one.Name}", limit, async () =>
            {
                exact = CheckRun.TrainDense(one);
                await Fp32Async(one, cpu, device, exact, report);
            });
            if (exact is not null) await report.Part($"bf16 {one.Name}", limit, () => Bf16Async(one, cpu, device, exact, report));
            await report.Part($"repeat {one.Name}", limit, () => RepeatAsync(one, device, report));
        }

        foreach (var one in LongRows())
        {
            var exact = CheckRun.TrainDense(one);
            await report.Part($"bf16 {one.Name}", limit, () => Bf16Async(one, cpu, device, exact, report));
            await report.Part($"repeat {one.Name}", limit, () => RepeatAsync(one, device, report));
            if (device.MemoryBytes is null) continue;
            using var fast = ComputeDevice.Parse(name, report.Warn, deterministic: false);
            await report.Part($"not deterministic, {one.Name}", limit, () => Bf16Async(one with { Name = $"{one.Name}, not deterministic" }, cpu, fast, exact, report));
        }

        foreach (var precision in new[] { StorePrecision.Bf16, StorePrecision.Fp32 })
        {
            var large = Large(device);
            await report.Part($"repeat {precision} {large.Name}", limit, () => RepeatAsync(large, device, report, precision));
            await report.Part($"poison {precision} {large.Name}", limit, () => PoisonAsync(large, device, precision, report));
            var wide = Wide(device);
            await report.Part($"poison {precision} {wide.Name}", limit, () => PoisonAsync(wide, device, precision, report));
        }

        if (CudaDevice.Count > 1) await report.Part("two devices at once", limit, () => TwoDevicesAsync(report));
        if (device.MemoryBytes is not null) await report.Part("planted race", limit, () => PlantedAsync(device, report));
    }

    // Against the CPU, and against a dense model in double.
    private static async Task Fp32Async(CheckCase one, IComputeDevice cpu, IComputeDevice device, CheckOutcome exact, Report report)
    {
        var given = await CheckRun.TrainAsync(one, device, StorePrecision.Fp32);
        var (loss, norm, parameters) = given.ErrorAgainst(await CheckRun.TrainAsync(one, cpu, StorePrecision.Fp32));
        var fromExact = given.ErrorAgainst(exact);
        var largest = new[] { loss, norm, parameters, fromExact.Loss, fromExact.Norm, fromExact.Parameters }.Max();
        report.Check($"fp32 {one.Name}", largest <= Fp32Tolerance && given.LeasesReclaimed == 0, Text(
            $"from the CPU's: loss {loss:E1}, norm {norm:E1}, parameters {parameters:E1}; from fp64: {fromExact.Loss:E1}, {fromExact.Norm:E1}, {fromExact.Parameters:E1}; leases lost {given.LeasesReclaimed}"));
    }

    // Against a dense model in double from the same start: the device's bf16 may not be much further away than the CPU's bf16 is.
    private static async Task Bf16Async(CheckCase one, IComputeDevice cpu, IComputeDevice device, CheckOutcome exact, Report report)
    {
        var ours = (await CheckRun.TrainAsync(one, device, StorePrecision.Bf16)).ErrorAgainst(exact);
        var theirs = (await CheckRun.TrainAsync(one, cpu, StorePrecision.Bf16)).ErrorAgainst(exact);
        var right = ours.Loss <= (3 * theirs.Loss) + 2e-3 && ours.Norm <= (3 * theirs.Norm) + 1e-2 && ours.Parameters <= (3 * theirs.Parameters) + 1e-6;
        report.Check($"bf16 {one.Name}", right,
            Text($"from fp64: loss {ours.Loss:E1} (CPU {theirs.Loss:E1}), norm {ours.Norm:E1} ({theirs.Norm:E1}), parameters {ours.Parameters:E1} ({theirs.Parameters:E1})"));
    }

    private static async Task RepeatAsync(CheckCase one, IComputeDevice device, Report report, StorePrecision precision = StorePrecision.Bf16)
    {
        var first = await CheckRun.TrainAsync(one, device, precision);
        var second = await CheckRun.TrainAsync(one, device, precision);
        report.Check($"repeat {precision} {one.Name}, again", first.IsBitwise(second), first.IsBitwise(second) ? "bitwise equal" : first.DifferencesTo(second));
        var random = new Random(one.Seed);
        for (var i = 0; i < 2; i++)
        {
            var other = one with { Pipeline = CheckCase.AnyCapacities(random), Interval = 1 + random.Next(3), Activations = CheckCase.AnyPolicies(random) };
            var third = await CheckRun.TrainAsync(other, device, precision);
            report.Check($"repeat {precision} {one.Name}, other capacities and activations", first.IsBitwise(third),
                first.IsBitwise(third) ? "bitwise equal" : $"{first.DifferencesTo(third)}; {other.Pipeline}, interval {other.Interval}");
        }
    }

    // Two trainers in one process, at the same time, each as if it were alone.
    private static async Task TwoDevicesAsync(Report report)
    {
        using var first = ComputeDevice.Parse("cuda:0", report.Warn);
        using var second = ComputeDevice.Parse("cuda:1", report.Warn);
        foreach (var precision in new[] { StorePrecision.Bf16, StorePrecision.Fp32 })
        {
            var cases = new[] { Large(first) with { Steps = 8 }, Large(second) with { Steps = 8, Seed = 77 } };
            var alone = new[] { await CheckRun.TrainAsync(cases[0], first, precision), await CheckRun.TrainAsync(cases[1], first, precision) };
            var together = await Task.WhenAll(
                Task.Run(() => CheckRun.TrainAsync(cases[0], first, precision)), Task.Run(() => CheckRun.TrainAsync(cases[1], second, precision)));
            for (var i = 0; i < 2; i++)
            {
                report.Check($"two trainers at once, {precision}, cuda:{i}", alone[i].IsBitwise(together[i]),
                    alone[i].IsBitwise(together[i]) ? "bitwise equal to the run alone" : alone[i].DifferencesTo(together[i]));
            }
        }
    }

    private static async Task PoisonAsync(CheckCase one, IComputeDevice device, StorePrecision precision, Report report)
    {
        var clean = await CheckRun.TrainAsync(one, device, precision);
        for (var round = 0; round < 3; round++)
        {
            var random = new Random(round);
            var tested = one with { Pipeline = round == 0 ? one.Pipeline : CheckCase.AnyCapacities(random), Interval = 1 + round, Activations = round == 1 ? _ => ActivationPolicy.Offload : one.Activations };
            var poisoned = await CheckRun.TrainAsync(tested, new SpoilingDevice(device), precision, poisoned: true);
            report.Check($"poison {precision} {one.Name}, round {round}", poisoned.IsFinite && poisoned.IsBitwise(clean),
                !poisoned.IsFinite ? "NaN was read" : poisoned.IsBitwise(clean) ? "no NaN, bitwise equal to the run without poison" : clean.DifferencesTo(poisoned));
        }
    }

    private static async Task PlantedAsync(IComputeDevice device, Report report)
    {
        var seen = await CheckRun.TrainAsync(Wide(device), new SpoilingDevice(device, faulty: true), StorePrecision.Bf16, poisoned: true);
        report.Check("the detector sees a planted race", !seen.IsFinite, seen.IsFinite ? "it saw nothing" : "NaN was read, as it should be");
    }

    // Many tokens: attention over several key blocks, gradients that wait for the way down.
    private static CheckCase Large(IComputeDevice device)
    {
        var small = device.MemoryBytes is null;
        return new CheckCase("long sequences", Config(small ? 128 : 1024, small ? 256 : 2816, small ? 512 : 32_000, 3, small ? 32 : 128), small ? 1 : 8, small ? 128 : 1024, 5);
    }

    // A long document among short ones goes back apart from them. Few heads and rows: attention's ordered backward takes 28 heads in two groups; a length in 64s goes through cuDNN, another one does not.
    private static IEnumerable<CheckCase> LongRows()
    {
        foreach (var (rows, length, packed, first) in new[] { (1, 512, false, 0), (1, 500, false, 0), (3, 128, false, 0), (2, 256, true, 0), (1, 1500, true, 1200) })
            yield return new CheckCase($"{rows} x {length}{(packed ? " packed" : "")}, 28 heads", Config(28 * 16, 256, 300, 1, 16), rows, length, 9) { Packed = packed, FirstDocument = first, Steps = 2 };
    }

    // Few tokens and wide layers: the copies are slower than the operators, which would overtake them.
    private static CheckCase Wide(IComputeDevice device)
    {
        var small = device.MemoryBytes is null;
        return new CheckCase("wide layers", Config(small ? 128 : 2048, small ? 384 : 8192, small ? 512 : 4000, 3, small ? 32 : 128), 1, 32, 6);
    }

    private static ModelConfig Config(int hidden, int intermediate, int vocabulary, int layers, int headWidth) => new()
    {
        Architecture = "Qwen2ForCausalLM",
        LayerCount = layers,
        HeadCount = hidden / headWidth,
        KeyValueHeadCount = Math.Max(1, hidden / headWidth / 4),
        HeadDimension = headWidth,
        HiddenSize = hidden,
        IntermediateSize = intermediate,
        VocabularySize = vocabulary,
        MaximumSequenceLength = 4096,
        QueryKeyValueBias = true,
    };

    private static string Text(FormattableString text) => FormattableString.Invariant(text);
}
