using System.CommandLine;
using System.Diagnostics;
using Horizon.Flow.Devices;
using Horizon.Flow.Native;

namespace Horizon.Flow.Bench;

/// <summary><c>device</c>: copies, order, faults and rates of a device from C#.</summary>
internal static class DeviceVerb
{
    public static Command Create()
    {
        var device = Verb.Device();
        var command = new Command("device", "Checks a device's copies, order and faults, and measures its rates.") { device };
        command.SetAction((arguments, _) => Verb.GuardAsync(report => RunAsync(arguments.GetValue(device)!, report)));
        return command;
    }

    private static async Task RunAsync(string name, Report report)
    {
        var watch = Stopwatch.StartNew();
        using var device = ComputeDevice.Parse(name, report.Warn);
        report.Say($"device {device.Name}, opened in {watch.Elapsed.TotalSeconds:F2} s, libtorch from {NativeTorch.Load()}");
        if (device.MemoryBytes is { } all) report.Say($"memory {all:N0} bytes, {device.FreeMemoryBytes:N0} free");
        var size = CheckSize.For(device);
        await CopyChecks.RunAsync(device, size, report);
        await OrderCheck.RunAsync(device, size, report);
        await FaultChecks.RunAsync(device, report);
        await Measurements.RunAsync(device, size, report);
    }
}
