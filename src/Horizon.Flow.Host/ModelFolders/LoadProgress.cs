using Horizon.Flow.Host.Safetensors;

namespace Horizon.Flow.Host.ModelFolders;

/// <summary>How far loading is, after a tensor.</summary>
/// <param name="Tensor">The tensor just read.</param>
/// <param name="BytesRead">Bytes of all tensors read so far.</param>
/// <param name="TotalBytes">Bytes to read in all.</param>
public readonly record struct LoadProgress(TensorInfo Tensor, long BytesRead, long TotalBytes);
