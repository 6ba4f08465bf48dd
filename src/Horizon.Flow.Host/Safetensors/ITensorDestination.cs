namespace Horizon.Flow.Host.Safetensors;

/// <summary>Where the bytes of a tensor go as they come out of a file.</summary>
public interface ITensorDestination
{
    /// <summary>Called before the first byte: the place to refuse a tensor of the wrong type or size.</summary>
    /// <param name="tensor">The tensor that comes.</param>
    /// <exception cref="HorizonException">The tensor does not fit here.</exception>
    void Begin(TensorInfo tensor);

    /// <summary>Takes the next bytes: pieces follow one another without gaps, each of whole elements.</summary>
    /// <param name="tensor">The tensor.</param>
    /// <param name="byteOffset">Where in the tensor the piece begins.</param>
    /// <param name="bytes">The piece, little-endian; valid during the call only.</param>
    /// <exception cref="HorizonException">A value cannot be stored.</exception>
    void Write(TensorInfo tensor, long byteOffset, ReadOnlySpan<byte> bytes);
}
