namespace Horizon.Flow.Host;

/// <summary>Marks an error that no older checkpoint mends: it is whole, but of another run.</summary>
internal sealed class OtherRunException : Exception;
