using static TorchSharp.torch;

namespace Horizon.Flow.Models.Common;

/// <summary>Softmax and cross-entropy of one chunk of tokens, in place of its logits.</summary>
internal sealed class ChunkSoftmax
{
    private readonly Tensor _exponentials_CV;
    private readonly Tensor _labels_C1;
    private readonly Tensor _total_C1;
    private readonly Tensor _picked_C1;

    /// <param name="logits_CV">fp32; overwritten.</param>
    /// <param name="labels_C">int64.</param>
    public ChunkSoftmax(Tensor logits_CV, Tensor labels_C)
    {
        _labels_C1 = labels_C.unsqueeze(1);
        logits_CV.sub_(logits_CV.amax([-1], keepdim: true));
        _picked_C1 = logits_CV.gather(1, _labels_C1);
        _exponentials_CV = logits_CV.exp_();
        _total_C1 = _exponentials_CV.sum(-1, keepdim: true);
    }

    /// <summary>fp64 scalar: the sum over tokens of log(sum of exponentials) - label's logit, both relative to the largest logit.</summary>
    public Tensor LossSum() => (_total_C1.log() - _picked_C1).sum(float64);

    /// <summary>[C, V] fp32: (softmax - onehot) * scale, over the logits; the last call on this chunk.</summary>
    public Tensor Gradient(double scale) => _exponentials_CV
        .mul_(scale / _total_C1)
        .scatter_add_(1, _labels_C1, full_like(_picked_C1, -scale));
}
