using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Common;

/// <summary>The norm in front of the output projection, and its backward.</summary>
internal interface IHeadNorm
{
    /// <summary>[..., H].</summary>
    /// <param name="parameters">The head's.</param>
    /// <param name="x">Hidden states.</param>
    /// <param name="operators">The device's; null for libtorch's.</param>
    Tensor Apply(ParameterViews parameters, Tensor x, IUnitOperators? operators);

    /// <summary>The gradient of the hidden states; the norm's own are written where they belong.</summary>
    /// <param name="parameters">The head's.</param>
    /// <param name="gradients">Theirs; null where they are not wanted.</param>
    /// <param name="x_NH">Hidden states of the labelled tokens.</param>
    /// <param name="operators">The device's.</param>
    /// <param name="rest">From what is normed to its gradient.</param>
    Tensor Differentiate(ParameterViews parameters, ParameterViews? gradients, Tensor x_NH, IUnitOperators operators, Func<Tensor, Tensor> rest);

    /// <summary>Bytes of the hidden states with labels, normed, and of what their backward keeps and makes.</summary>
    /// <param name="hidden">H.</param>
    /// <param name="batch">The micro-batch.</param>
    long Bytes(long hidden, BatchShape batch);
}
