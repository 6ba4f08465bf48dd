using System.Text.Json;

namespace Horizon.Flow.Text.Data;

/// <summary>Reads pre-tokenized records: ids, labels, and the masks that say which tokens are real and which are trained.</summary>
internal static class TokenRecordReader
{
    private static readonly string[] Masks = ["completion_mask", "loss_mask", "assistant_masks"];

    public static TokenDocument Read(DataRecord record)
    {
        var ids = Numbers(record, "input_ids");
        var labels = Numbers(record, "labels", ids) ?? ids;
        foreach (var name in Masks)
        {
            if (Mask(record, name, ids) is { } mask) labels = [.. labels.Select((label, i) => mask[i] == 1 ? label : TokenDocument.Ignored)];
        }

        var real = Real(record, ids);
        var (realIds, realLabels) = real.Equals(Range.All) ? (ids, labels) : (ids[real], labels[real]);
        return new TokenDocument(realIds, realLabels) { IsConversation = realLabels.Skip(1).Contains(TokenDocument.Ignored) };
    }

    /// <summary>What is left without the padding at either end.</summary>
    private static Range Real(DataRecord record, int[] ids)
    {
        if (Mask(record, "attention_mask", ids) is not { } mask) return Range.All;
        var (first, last) = (Array.IndexOf(mask, 1), Array.LastIndexOf(mask, 1));
        if (first < 0) return 0..0;
        return Array.IndexOf(mask, 0, first, last - first) < 0 ? first..(last + 1) : throw record.Error("'attention_mask' is 0 between tokens: padding may stand at the ends alone.");
    }

    private static int[]? Mask(DataRecord record, string name, int[] ids)
    {
        if (record.Optional(name) is null) return null;
        return SameLength(record, name, record.List(name).Select(bit => bit.ValueKind switch
        {
            JsonValueKind.True => 1,
            JsonValueKind.False => 0,
            JsonValueKind.Number when bit.TryGetInt32(out var value) && value is 0 or 1 => value,
            _ => throw record.Error($"'{name}' must hold 0 and 1; several documents in one record are not supported."),
        }), ids);
    }

    private static int[]? Numbers(DataRecord record, string name, int[] ids) =>
        record.Optional(name) is null ? null : SameLength(record, name, Numbers(record, name), ids);

    private static int[] SameLength(DataRecord record, string name, IEnumerable<int> numbers, int[] ids)
    {
        int[] all = [.. numbers];
        return all.Length == ids.Length ? all : throw record.Error($"there are {ids.Length} input_ids but {all.Length} {name}.");
    }

    private static int[] Numbers(DataRecord record, string name) => [.. record.List(name).Select(number =>
        number.ValueKind == JsonValueKind.Number && number.TryGetInt32(out var value) ? value : throw record.Error($"'{name}' must hold whole numbers."))];
}
