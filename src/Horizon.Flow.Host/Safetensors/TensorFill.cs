namespace Horizon.Flow.Host.Safetensors;

/// <summary>Writes the bytes of a tensor from <paramref name="byteOffset"/> on, little-endian, until the span is full.</summary>
/// <param name="byteOffset">Where in the tensor; a multiple of 8.</param>
/// <param name="destination">Where they go; whole elements.</param>
public delegate void TensorFill(long byteOffset, Span<byte> destination);
