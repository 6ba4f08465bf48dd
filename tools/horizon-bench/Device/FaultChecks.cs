using Horizon.Flow.Devices;
using Horizon.Flow.Host.Memory;

namespace Horizon.Flow.Bench;

/// <summary>What goes wrong says so and leaves the device usable.</summary>
internal static class FaultChecks
{
    public static async Task RunAsync(IComputeDevice device, Report report)
    {
        try
        {
            using var tooMuch = device.Allocate(1L << 46, ElementType.Float32);
            report.Check("an impossible buffer is refused", false);
        }
        catch (DeviceException error)
        {
            report.Check("an impossible buffer is refused", true, error.Message);
        }

        try
        {
            using var none = ComputeDevice.Parse("cuda:77");
            report.Check("a device that is not there is refused", false);
        }
        catch (HorizonException error)
        {
            report.Check("a device that is not there is refused", true, error.Message);
        }

        report.Check("the lane goes on after an error", await SurvivesAsync(device));
    }

    private static async Task<bool> SurvivesAsync(IComputeDevice device)
    {
        try
        {
            await device.Lane.RunAsync(() => throw new InvalidOperationException("a body's own error"));
            return false;
        }
        catch (InvalidOperationException)
        {
            return await device.Lane.RunAsync(() => 2 + 2) == 4;
        }
    }
}
