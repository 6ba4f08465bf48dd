namespace Horizon.Flow.Host.Checkpoints;

/// <summary>Marks an error that no older checkpoint mends: it is whole, but of another run.</summary>
internal sealed class OtherRunException : Exception;
