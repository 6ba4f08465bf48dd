namespace Horizon.Flow.Host.Checkpoints;

/// <summary>Marks an error that no older checkpoint mends: the program is too old.</summary>
internal sealed class NewerFormatException : Exception;
