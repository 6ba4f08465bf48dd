using System.Globalization;
using Horizon.Flow.Text.Tokens;

namespace Horizon.Flow.Text.Batches;

/// <summary>Counts documents that are longer than a row, and what of them lies beyond it.</summary>
/// <param name="targets">Tokens of a document that a row holds or predicts.</param>
internal sealed class LongDocuments(int targets)
{
    private long _tokens;
    private long _labels;

    public int Count { get; private set; }

    public int Conversations { get; private set; }

    /// <summary>What lies beyond their first row.</summary>
    public string Lost => string.Create(CultureInfo.InvariantCulture, $"{_tokens:N0} tokens, {_labels:N0} of them to be learned, are left out");

    public void Add(DocumentTable documents, int number)
    {
        Count++;
        if (documents.IsConversation(number)) Conversations++;
        var length = documents.Length(number);
        _tokens += length - targets;
        _labels += documents.Labelled(number, 0, length) - documents.Labelled(number, 0, targets);
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Count:N0}");
}
