namespace Horizon.Flow;

/// <summary>
/// Rows of tokens that go through the model at once. All arrays are [<see cref="Rows"/> x <see cref="SequenceLength"/>], row-major.
/// </summary>
public sealed class MicroBatch
{
    /// <summary>The label of a position at which nothing is to be learned.</summary>
    public const long Unlabelled = -100;

    private int[]? _labelledBySequence;

    /// <summary>Checks and takes the arrays.</summary>
    /// <param name="rows">Sequences.</param>
    /// <param name="sequenceLength">Tokens of each, padding included.</param>
    /// <param name="inputIds">Token ids; any valid id as padding.</param>
    /// <param name="targets">The token that follows within the same document, or <see cref="Unlabelled"/>. Already shifted.</param>
    /// <param name="positions">The place within its document.</param>
    /// <param name="documents">
    /// Tokens attend to earlier tokens of the same number, which lie together; padding has a number of its own. Null where every row is one document,
    /// padded at its end only.
    /// </param>
    /// <param name="tokenCount">Real tokens, without padding; all by default.</param>
    public MicroBatch(int rows, int sequenceLength, long[] inputIds, long[] targets, long[] positions, long[]? documents = null, int? tokenCount = null)
    {
        ArgumentNullException.ThrowIfNull(inputIds);
        ArgumentNullException.ThrowIfNull(targets);
        ArgumentNullException.ThrowIfNull(positions);
        ArgumentOutOfRangeException.ThrowIfLessThan(rows, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(sequenceLength, 1);
        var count = checked(rows * sequenceLength);
        if (inputIds.Length != count || targets.Length != count || positions.Length != count || (documents is not null && documents.Length != count))
            throw new ArgumentException($"every array of a micro-batch of {rows} x {sequenceLength} has {count} elements");
        CheckDocuments(rows, sequenceLength, documents);
        Rows = rows;
        SequenceLength = sequenceLength;
        InputIds = inputIds;
        Targets = targets;
        Positions = positions;
        Documents = documents;
        LabelledPlaces = [.. Enumerable.Range(0, count).Where(place => targets[place] != Unlabelled).Select(place => (long)place)];
        TokenCount = tokenCount ?? count;
    }

    private MicroBatch(MicroBatch other)
    {
        (Rows, SequenceLength, TokenCount) = (other.Rows, other.SequenceLength, other.TokenCount);
        (InputIds, Targets, Positions, Documents, LabelledPlaces) = (other.InputIds, other.Targets, other.Positions, other.Documents, other.LabelledPlaces);
        (Columns, Seed, IsSpare) = (other.Columns, other.Seed, other.IsSpare);
    }

    // A document's tokens lie together: then attention computes each document alone.
    private static void CheckDocuments(int rows, int sequenceLength, long[]? documents)
    {
        if (documents is null) return;
        var seen = new HashSet<long>();
        for (var row = 0; row < rows; row++)
        {
            seen.Clear();
            for (var place = row * sequenceLength; place < (row + 1) * sequenceLength; place++)
            {
                if (place % sequenceLength > 0 && documents[place] == documents[place - 1]) continue;
                if (!seen.Add(documents[place]))
                    throw new ArgumentException($"document {documents[place]} of row {row} lies in two pieces; give each piece a number of its own, or put its tokens together", nameof(documents));
            }
        }
    }

    /// <summary>Sequences.</summary>
    public int Rows { get; }

    /// <summary>Tokens of each row, padding included.</summary>
    public int SequenceLength { get; }

    /// <summary>Token ids.</summary>
    public long[] InputIds { get; }

    /// <summary>The token that follows, or <see cref="Unlabelled"/>.</summary>
    public long[] Targets { get; }

    /// <summary>The place of each token within its document.</summary>
    public long[] Positions { get; }

    /// <summary>The document of each token within its row; null for one document a row.</summary>
    public long[]? Documents { get; }

    /// <summary>Positions with a target.</summary>
    public int LabelledTokens => LabelledPlaces.Length;

    /// <summary>[<see cref="LabelledTokens"/>]: the places in <see cref="Targets"/> that have a target, ascending.</summary>
    public long[] LabelledPlaces { get; }

    /// <summary>Real tokens, without padding.</summary>
    public int TokenCount { get; }

    /// <summary>Numbers of the user's own that go with the tokens, by name: one for each labelled token or for each sequence, or as the head that reads them wants it.</summary>
    public IReadOnlyDictionary<string, float[]> Columns { get; private init; } = new Dictionary<string, float[]>();

    /// <summary>Where the random numbers begin that units draw for it in training; null, as in evaluation, where they draw none.</summary>
    public long? Seed { get; private init; }

    /// <summary>Whether it only keeps others company: it goes through the model as they do, and adds nothing to loss, gradient, metrics or counts.</summary>
    public bool IsSpare { get; private init; }

    /// <summary>How many labelled places each sequence has: each document of each row, in the order in which they lie. Padding with a number of its own counts as one, with none.</summary>
    public IReadOnlyList<int> LabelledBySequence => _labelledBySequence ??= CountBySequence();

    /// <summary>The micro-batch with one more column, or another in its place; the arrays of tokens are shared.</summary>
    /// <param name="name">The column's name.</param>
    /// <param name="values">Its numbers; any count.</param>
    public MicroBatch WithColumn(string name, float[] values)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(values);
        return new MicroBatch(this) { Columns = new Dictionary<string, float[]>(Columns) { [name] = values } };
    }

    /// <summary>The micro-batch for training with random numbers; the arrays of tokens are shared.</summary>
    /// <param name="seed">The same one gives the same numbers: it should be another for every micro-batch of a run, and follow from its place in it.</param>
    public MicroBatch WithSeed(long seed) => new(this) { Seed = seed };

    /// <summary>The same as one that only keeps others company (<see cref="IsSpare"/>); the arrays of tokens are shared.</summary>
    public MicroBatch AsSpare() => new(this) { IsSpare = true };

    private int[] CountBySequence()
    {
        var counts = new List<int>();
        for (var place = 0; place < Targets.Length; place++)
        {
            if (place % SequenceLength == 0 || (Documents is not null && Documents[place] != Documents[place - 1])) counts.Add(0);
            if (Targets[place] != Unlabelled) counts[^1]++;
        }

        return [.. counts];
    }
}
