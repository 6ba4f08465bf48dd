using Horizon.Flow.Text.Data;

namespace Horizon.Flow.Text.Tokens;

/// <summary>Documents that are held as they are.</summary>
internal sealed class HeldDocuments(IReadOnlyList<TokenDocument> documents) : DocumentTable
{
    private const int ObjectBytes = 128;

    public override int Count => documents.Count;

    public override int Length(int number) => documents[number].InputIds.Length;

    public override bool IsConversation(int number) => documents[number].IsConversation;

    public override TokenDocument Read(int number, int start, int end)
    {
        var document = documents[number];
        return start == 0 && end == document.InputIds.Length ? document : document with { InputIds = document.InputIds[start..end], Labels = document.Labels[start..end] };
    }

    public override long HostBytes => documents.Sum(document => ObjectBytes + (4L * document.InputIds.Length) + (ReferenceEquals(document.InputIds, document.Labels) ? 0 : 4L * document.Labels.Length));
}
