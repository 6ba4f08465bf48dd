namespace Horizon.Flow.Cli;

/// <summary>Continues a prompt; what <c>horizon generate</c> needs of the library.</summary>
public interface IGenerator
{
    /// <summary>The continuation, piece by piece as it is sampled.</summary>
    /// <exception cref="HorizonException">The folder holds no model that can be loaded.</exception>
    IAsyncEnumerable<string> GenerateAsync(GenerateRequest request, CancellationToken cancellation);
}
