using System.Net;
using System.Net.Sockets;

namespace Horizon.Flow.Distributed.Tests;

public class FreePortTests
{
    /// <summary>Far more than would come out different by chance: of 500 draws from 12,000 about ten meet.</summary>
    [Fact]
    public void Take_ByManyAtOnce_GivesEachItsOwn()
    {
        var ports = new FreePort[500];
        try
        {
            Parallel.For(0, ports.Length, i => ports[i] = FreePort.Take());
            Assert.Equal(ports.Length, ports.Select(port => port.Number).Distinct().Count());
            Assert.All(ports, port => Assert.InRange(port.Number, 20_000, 31_999));
        }
        finally
        {
            foreach (var port in ports) port?.Dispose();
        }
    }

    /// <summary>Ranks meet over TCP: nothing holds that side of it.</summary>
    [Fact]
    public void Take_Port_IsFreeToListenOn()
    {
        using var port = FreePort.Take();
        using var listener = new TcpListener(IPAddress.Loopback, port.Number);
        listener.Start();
        listener.Stop();
    }
}
