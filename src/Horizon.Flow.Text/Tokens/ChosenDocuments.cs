using Horizon.Flow.Text.Data;

namespace Horizon.Flow.Text.Tokens;

/// <summary>Some documents of a table, in an order of their own; one may occur several times.</summary>
internal sealed class ChosenDocuments(DocumentTable all, int[] numbers) : DocumentTable
{
    public override int Count => numbers.Length;

    public override int Length(int number) => all.Length(numbers[number]);

    public override bool IsConversation(int number) => all.IsConversation(numbers[number]);

    public override int Labelled(int number, int start, int end) => all.Labelled(numbers[number], start, end);

    public override TokenDocument Read(int number, int start, int end) => all.Read(numbers[number], start, end);

    public override long HostBytes => all.HostBytes + (4L * numbers.Length);
}
