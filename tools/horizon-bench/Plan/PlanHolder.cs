using Horizon.Flow.Devices;
using Horizon.Flow.Host.Memory;

namespace Horizon.Flow.Bench;

/// <summary>Holds all of a device's memory but some, so that another process finds a smaller card.</summary>
internal static class PlanHolder
{
    /// <summary>Says <c>held</c>, and holds until its input ends.</summary>
    public static int Hold(string name, int leftGibibytes)
    {
        using var device = ComputeDevice.Parse(name);
        var excess = (device.FreeMemoryBytes ?? throw new HorizonException($"{device.Name} computes in host memory: it is no card to make smaller")) - ((long)leftGibibytes << 30);
        using var held = device.Allocate(Math.Max(1, excess / sizeof(float)), ElementType.Float32);
        Console.WriteLine("held");
        while (Console.ReadLine() is not null)
        {
            // Until whoever asked for it has gone.
        }

        return 0;
    }
}
