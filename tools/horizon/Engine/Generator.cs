using System.Runtime.CompilerServices;
using Horizon.Flow.Devices;
using Horizon.Flow.Runs.Generation;

namespace Horizon.Flow.Cli;

/// <summary>Samples with the library, on the first GPU where there is one.</summary>
public sealed class Generator : IGenerator
{
    /// <inheritdoc/>
    public async IAsyncEnumerable<string> GenerateAsync(GenerateRequest request, [EnumeratorCancellation] CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(request);
        using var device = ComputeDevice.Parse("auto");
        await using var generator = await TextGenerator.LoadAsync(request.ModelDirectory, device, cancellation).ConfigureAwait(false);
        var options = new GenerationOptions { MaxTokens = request.MaxTokens, Temperature = request.Temperature, Seed = request.Seed };
        await foreach (var piece in generator.GenerateAsync(request.Prompt, options, cancellation).ConfigureAwait(false)) yield return piece;
    }
}
