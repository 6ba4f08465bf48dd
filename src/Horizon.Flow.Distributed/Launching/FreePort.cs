using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;

namespace Horizon.Flow.Distributed;

/// <summary>A port of this machine for ranks to meet at, for whoever starts them all here; no other run that takes one this way gets it while it lives.</summary>
/// <remarks>
/// Rank 0 listens later, in a process of its own: until then nothing would keep another launcher from the same port, and ranks of one run from meeting those of another. So the UDP port
/// of that number, which nobody needs, is held meanwhile: the system frees it however the process ends.
/// </remarks>
public sealed class FreePort : IDisposable
{
    // Below what systems give to outgoing connections (32,768 on Linux), so that none of those takes it before rank 0 listens.
    private const int First = 20_000, End = 32_000;

    // Where so many draws in a row are refused, all are: a sandbox, say, that allows no port.
    private const int Tries = 1000;

    private readonly Socket _held;

    private FreePort(Socket held, int number) => (_held, Number) = (held, number);

    /// <summary>At least 20,000 and below 32,000.</summary>
    public int Number { get; }

    /// <summary>Takes one that nobody listens on.</summary>
    /// <exception cref="HorizonException">None is to be had.</exception>
    public static FreePort Take()
    {
        var taken = IPGlobalProperties.GetIPGlobalProperties().GetActiveTcpListeners().Select(listener => listener.Port).ToHashSet();
        for (var tries = 0; tries < Tries; tries++)
        {
            var port = Random.Shared.Next(First, End);
            if (!taken.Contains(port) && Hold(port) is { } held) return new FreePort(held, port);
        }

        throw new HorizonException($"no port from {First} to {End - 1} is to be had on this machine, where ranks could meet; allow some, or start the ranks with torchrun and a MASTER_PORT of your own");
    }

    /// <inheritdoc/>
    public void Dispose() => _held.Dispose();

    private static Socket? Hold(int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp) { ExclusiveAddressUse = true };
        try
        {
            socket.Bind(new IPEndPoint(IPAddress.Loopback, port));
            return socket;
        }
        catch (SocketException error) when (error.SocketErrorCode is SocketError.AddressAlreadyInUse or SocketError.AccessDenied)
        {
            socket.Dispose();
            return null;
        }
    }
}
