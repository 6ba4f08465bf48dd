namespace Horizon.Flow.Cli;

/// <summary>What to serve.</summary>
/// <param name="Model">The model.</param>
/// <param name="Name">What clients call it.</param>
/// <param name="Host">The address.</param>
/// <param name="Port">The port; 0 takes a free one.</param>
/// <param name="ApiKey">What clients must send; null for nothing.</param>
/// <param name="AllowReload">Whether clients may have other weights read from this machine's disk.</param>
public sealed record ServeRequest(ModelFolders Model, string Name, string Host, int Port, string? ApiKey, bool AllowReload);
