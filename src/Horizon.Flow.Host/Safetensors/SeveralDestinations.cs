namespace Horizon.Flow.Host.Safetensors;

/// <summary>Several places for parts of one tensor, which is read once.</summary>
/// <param name="destinations">Each takes what is its own.</param>
internal sealed class SeveralDestinations(IReadOnlyList<ITensorDestination> destinations) : ITensorDestination
{
    /// <inheritdoc/>
    public void Begin(TensorInfo tensor)
    {
        foreach (var destination in destinations) destination.Begin(tensor);
    }

    /// <inheritdoc/>
    public void Write(TensorInfo tensor, long byteOffset, ReadOnlySpan<byte> bytes)
    {
        foreach (var destination in destinations) destination.Write(tensor, byteOffset, bytes);
    }
}
