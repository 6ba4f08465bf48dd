// Checks a device from C# and prints what it does: device-check [auto|cpu|cuda:N]. Exit 1 where a check fails.
using System.Diagnostics;
using Horizon.Flow;
using Horizon.Flow.DeviceCheck;

try
{
    var watch = Stopwatch.StartNew();
    var report = new Report();
    using var device = ComputeDevice.Parse(args.Length > 0 ? args[0] : "auto", report.Warn);
    report.Say($"device {device.Name}, opened in {watch.Elapsed.TotalSeconds:F2} s, libtorch from {NativeTorch.Load()}");
    if (device.MemoryBytes is { } all)
        report.Say($"memory {all:N0} bytes, {device.FreeMemoryBytes:N0} free");

    var size = CheckSize.For(device);
    await CopyChecks.RunAsync(device, size, report);
    await OrderCheck.RunAsync(device, size, report);
    await FaultChecks.RunAsync(device, report);
    await Measurements.RunAsync(device, size, report);
    return report.Finish();
}
catch (HorizonException error)
{
    Console.Error.WriteLine($"device-check: {error.Message}");
    return 2;
}
