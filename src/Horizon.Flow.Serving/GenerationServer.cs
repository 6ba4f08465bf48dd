using System.Net;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Horizon.Flow.Serving;

/// <summary>
/// A model behind OpenAI's endpoints, on Kestrel: <c>/v1/chat/completions</c>, <c>/v1/completions</c>, <c>/v1/models</c>, and <c>/health</c>. Requests have the model
/// one after the other; one whose client goes away ends with the token in hand.
/// </summary>
public sealed class GenerationServer : IAsyncDisposable
{
    private readonly WebApplication _application;
    private readonly RequestQueue _queue;

    private GenerationServer(WebApplication application, RequestQueue queue) => (_application, _queue) = (application, queue);

    /// <summary>Where it listens, such as <c>http://localhost:8000</c>.</summary>
    public string Address => _application.Urls.First();

    /// <summary>Begins to listen.</summary>
    /// <param name="engine">The model; belongs to the caller.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="HorizonException">The address is none, or taken.</exception>
    public static async Task<GenerationServer> StartAsync(IGenerationEngine engine, ServerOptions? options = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(engine);
        options ??= new();
        // Nothing but what stands here: neither files nor variables configure it.
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = options.LongestBody;
            Listen(kestrel, options);
        });
        var application = builder.Build();
        var queue = new RequestQueue(options.LongestQueue);
        var requests = new RequestHandler(engine, options, queue);
        application.Run(requests.HandleAsync);
        try
        {
            await application.StartAsync(cancellation).ConfigureAwait(false);
            return new GenerationServer(application, queue);
        }
        catch (Exception error)
        {
            await application.DisposeAsync().ConfigureAwait(false);
            queue.Dispose();
            if (error is IOException or UnauthorizedAccessException or System.Net.Sockets.SocketException)
                throw new HorizonException($"cannot listen on {options.Host}:{options.Port}: {error.Message.TrimEnd('.')}; choose another port or address", error);
            throw;
        }
    }

    /// <summary>Stops: requests in hand are ended.</summary>
    public async ValueTask DisposeAsync()
    {
        using var now = new CancellationTokenSource();
        await now.CancelAsync().ConfigureAwait(false);
        await _application.StopAsync(now.Token).ConfigureAwait(false);
        await _application.DisposeAsync().ConfigureAwait(false);
        _queue.Dispose();
    }

    /// <summary>Whether the bearer of a header is the key, in a time that does not tell how much of it is right.</summary>
    internal static bool IsKey(string? header, string key)
    {
        const string Bearer = "Bearer ";
        return header?.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase) == true
            && CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(header[Bearer.Length..])), SHA256.HashData(Encoding.UTF8.GetBytes(key)));
    }

    private static void Listen(KestrelServerOptions kestrel, ServerOptions options)
    {
        switch (options.Host)
        {
            // Kestrel takes no free port on both of localhost's addresses.
            case "localhost" when options.Port == 0: kestrel.Listen(IPAddress.Loopback, 0); break;
            case "localhost": kestrel.ListenLocalhost(options.Port); break;
            case "*": kestrel.ListenAnyIP(options.Port); break;
            default:
                kestrel.Listen(IPAddress.TryParse(options.Host, out var address) ? address : throw new HorizonException($"'{options.Host}' is no address; name an IP address, localhost, or * for all"), options.Port);
                break;
        }
    }
}
