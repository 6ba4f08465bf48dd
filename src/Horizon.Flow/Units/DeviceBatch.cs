using static TorchSharp.torch;

namespace Horizon.Flow;

/// <summary>One micro-batch on the compute device. Owns its tensors.</summary>
public sealed class DeviceBatch : IDisposable
{
    private readonly Dictionary<int, Tensor> _masks = [];

    /// <summary>Takes ownership of the tensors.</summary>
    /// <param name="inputIds">[batch, sequence] int64.</param>
    /// <param name="targets">[batch, sequence] int64: the token that follows, or -100 where nothing is to be learned.</param>
    /// <param name="positions">[batch, sequence] int64: the place within its document.</param>
    /// <param name="documents">[batch, sequence] int64: tokens attend to earlier tokens of the same document; null for one document a row.</param>
    public DeviceBatch(Tensor inputIds, Tensor targets, Tensor positions, Tensor? documents)
    {
        InputIds = inputIds;
        Targets = targets;
        Positions = positions;
        Documents = documents;
    }

    /// <summary>[batch, sequence] int64.</summary>
    public Tensor InputIds { get; }

    /// <summary>[batch, sequence] int64, -100 = not trained on. Already shifted: position t holds the token after t.</summary>
    public Tensor Targets { get; }

    /// <summary>[batch, sequence] int64.</summary>
    public Tensor Positions { get; }

    /// <summary>[batch, sequence] int64, or null for one document a row.</summary>
    public Tensor? Documents { get; }

    /// <summary>Rows.</summary>
    public long BatchSize => InputIds.shape[0];

    /// <summary>Tokens of a row.</summary>
    public long SequenceLength => InputIds.shape[1];

    /// <summary>
    /// [batch or 1, 1, sequence, sequence] bool, true where the query (third axis) may look at the key (fourth); null where plain
    /// causal attention is meant. Owned by the batch, built once for each window.
    /// </summary>
    /// <param name="slidingWindow">A token sees this many tokens, itself included; null for all.</param>
    public Tensor? AttentionMask(int? slidingWindow = null)
    {
        if (slidingWindow >= SequenceLength) slidingWindow = null;
        if (Documents is null && slidingWindow is null) return null;
        if (!_masks.TryGetValue(slidingWindow ?? 0, out var mask))
            _masks[slidingWindow ?? 0] = mask = BuildMask(slidingWindow);
        return mask;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        InputIds.Dispose();
        Targets.Dispose();
        Positions.Dispose();
        Documents?.Dispose();
        foreach (var mask in _masks.Values) mask.Dispose();
        _masks.Clear();
    }

    private Tensor BuildMask(int? slidingWindow)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var place = arange(SequenceLength, int64, InputIds.device);
        var query = place.unsqueeze(1);
        var key = place.unsqueeze(0);
        var allowed = key.le(query);
        if (slidingWindow is { } window) allowed = allowed.logical_and(key.gt(query - window));
        allowed = allowed.unsqueeze(0);
        if (Documents is not null) allowed = allowed.logical_and(Documents.unsqueeze(2).eq(Documents.unsqueeze(1)));
        return allowed.unsqueeze(1).DetachFromDisposeScope();
    }
}
