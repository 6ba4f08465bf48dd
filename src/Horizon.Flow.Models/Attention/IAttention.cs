using static TorchSharp.torch;

namespace Horizon.Flow.Models.Attention;

/// <summary>Causal attention of one layer, with what its backward needs.</summary>
internal interface IAttention : IDisposable
{
    /// <summary>[T, Q * D], owned by the attention.</summary>
    Tensor Output { get; }

    /// <summary>The gradients of queries, keys and values: [T, Q, D], [T, K, D], [T, K, D], in the caller's dispose scope.</summary>
    /// <param name="dOutput_TC">[T, Q * D].</param>
    Tensor[] Backward(Tensor dOutput_TC);
}
