namespace Horizon.Flow.Cli;

/// <summary>Puts a model behind an endpoint; what <c>horizon serve</c> needs of the library.</summary>
public interface IServer
{
    /// <summary>Serves until it is told to stop.</summary>
    /// <param name="request">Which model, and where.</param>
    /// <param name="ready">Is told where it listens, once it does.</param>
    /// <param name="notice">Takes a sentence for the user.</param>
    /// <param name="stop">Ends it.</param>
    /// <exception cref="HorizonException">The model cannot be loaded, or the address not used.</exception>
    Task RunAsync(ServeRequest request, Action<string> ready, Action<string> notice, CancellationToken stop);
}
