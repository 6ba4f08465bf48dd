using static TorchSharp.torch;

namespace Horizon.Flow.Units;

/// <summary>
/// Where the documents of a micro-batch lie in its flattened tokens: one after another, without gaps. What attends by documents computes each alone,
/// and no mask of a whole row exists.
/// </summary>
public sealed class DocumentSpans : IDisposable
{
    private readonly Device _device;
    private readonly Dictionary<object, IReadOnlyList<DocumentSpans>> _groups = [];
    private Tensor? _bounds;

    private DocumentSpans(IReadOnlyList<int> starts, Device device)
    {
        Starts = starts;
        _device = device;
        Longest = Enumerable.Range(0, Count).Max(LengthOf);
    }

    /// <summary>[documents + 1]: the first token of each, and the count of all tokens.</summary>
    public IReadOnlyList<int> Starts { get; }

    /// <summary>How many documents there are.</summary>
    public int Count => Starts.Count - 1;

    /// <summary>Tokens of the longest.</summary>
    public int Longest { get; }

    /// <summary>[documents + 1] int32 on the device: <see cref="Starts"/>. Owned by the spans.</summary>
    public Tensor Bounds => _bounds ??= MakeBounds();

    /// <summary>Tokens of a document.</summary>
    public int LengthOf(int document) => Starts[document + 1] - Starts[document];

    /// <summary>The spans of rows of documents.</summary>
    /// <param name="documents">[rows x sequence]: a document ends where the number changes, and at the end of a row; null for one document a row.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="sequence">Tokens of a row.</param>
    /// <param name="device">Where they are needed.</param>
    public static DocumentSpans Of(ReadOnlySpan<long> documents, int rows, int sequence, Device device)
    {
        var starts = new List<int>();
        for (var place = 0; place < rows * sequence; place++)
            if (place % sequence == 0 || (documents.Length > 0 && documents[place] != documents[place - 1])) starts.Add(place);
        starts.Add(rows * sequence);
        return new DocumentSpans(starts, device);
    }

    /// <summary>The spans of neighbouring documents, as if each group of them was alone; made on first use. Owned by the spans.</summary>
    /// <param name="key">Tells one way to group from others by equality.</param>
    /// <param name="counts">How many documents each group has, in their order; all of them in all.</param>
    public IReadOnlyList<DocumentSpans> InGroups(object key, Func<IReadOnlyList<int>> counts)
    {
        ArgumentNullException.ThrowIfNull(counts);
        if (_groups.TryGetValue(key, out var found)) return found;
        var (groups, first) = (new List<DocumentSpans>(), 0);
        foreach (var count in counts())
        {
            groups.Add(new DocumentSpans([.. Starts.Skip(first).Take(count + 1).Select(start => start - Starts[first])], _device));
            first += count;
        }

        return _groups[key] = groups;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _bounds?.Dispose();
        foreach (var group in _groups.Values.SelectMany(groups => groups)) group.Dispose();
    }

    private Tensor MakeBounds()
    {
        using var scope = NewDisposeScope();
        return tensor([.. Starts], int32).ToDevice(_device).DetachFromDisposeScope();
    }
}
