namespace Horizon.Flow.Models.Experts;

/// <summary>How a router's logits become the weights of the experts that it chooses.</summary>
internal enum RouterKind
{
    /// <summary>Softmax over all experts; the largest are chosen (Mixtral).</summary>
    Softmax,

    /// <summary>The largest logits are chosen; softmax over these alone (gpt-oss).</summary>
    SoftmaxOfChosen,

    /// <summary>Sigmoids; those are chosen that are largest with a fixed correction added, which the weights do not have (DeepSeek-V3).</summary>
    Sigmoid,
}
