using System.Runtime.CompilerServices;
using Horizon.Flow.Devices;
using Horizon.Flow.Runs.Generation;
using Horizon.Flow.Serving;

namespace Horizon.Flow.Cli;

/// <summary>Serves with the library, on the first GPU where there is one.</summary>
public sealed class Server : IServer
{
    /// <inheritdoc/>
    public Task RunAsync(ServeRequest request, Action<string> ready, Action<string> notice, CancellationToken stop)
    {
        AspNetRuntime.Require();
        return ServeAsync(request, ready, notice, stop);
    }

    // A method of its own: what it names is looked for when it is compiled.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static async Task ServeAsync(ServeRequest request, Action<string> ready, Action<string> notice, CancellationToken stop)
    {
        using var device = ComputeDevice.Parse("auto", notice);
        await using var generator = await TextGenerator.LoadAsync(ModelSource.Open(request.Model.Folder, request.Model.Adapter), device, notice, stop).ConfigureAwait(false);
        var options = new ServerOptions { Host = request.Host, Port = request.Port, ModelName = request.Name, ApiKey = request.ApiKey, AllowReload = request.AllowReload };
        await using var server = await GenerationServer.StartAsync(new TextEngine(generator), options, stop).ConfigureAwait(false);
        ready(server.Address);
        try
        {
            await Task.Delay(Timeout.Infinite, stop).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The end that it waits for.
        }
    }
}
