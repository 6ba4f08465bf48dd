using System.Net.NetworkInformation;

namespace Horizon.Flow.Distributed;

/// <summary>A port of this machine for ranks to meet at, for whoever starts them all here.</summary>
public static class FreePort
{
    // Below what systems give to outgoing connections (32,768 on Linux), so that none of those takes it before rank 0 listens.
    private const int First = 20_000, End = 32_000;

    /// <summary>Chooses one that nobody listens on.</summary>
    /// <returns>At least 20,000 and below 32,000.</returns>
    public static int Choose()
    {
        var taken = IPGlobalProperties.GetIPGlobalProperties().GetActiveTcpListeners().Select(listener => listener.Port).ToHashSet();
        int port;
        do port = Random.Shared.Next(First, End);
        while (taken.Contains(port));
        return port;
    }
}
