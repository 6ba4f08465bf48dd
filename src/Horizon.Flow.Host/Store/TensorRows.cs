namespace Horizon.Flow.Host.Store;

/// <summary>Which rows of a model folder's tensor a parameter is, where the rest of it lies in other units.</summary>
/// <param name="First">Its first row in the tensor.</param>
/// <param name="Whole">Rows of the tensor.</param>
public readonly record struct TensorRows(long First, long Whole);
