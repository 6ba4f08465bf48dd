namespace Horizon.Flow.Text.Tokenizers;

/// <summary>The special tokens that a post-processor sets before and after a text (`post_processor` of tokenizer.json).</summary>
internal sealed record SpecialTokenFrame(IReadOnlyList<int> Before, IReadOnlyList<int> After)
{
    public static SpecialTokenFrame Empty { get; } = new([], []);

    public static SpecialTokenFrame Read(JsonPart part) => part.IsNull ? Empty : ReadOne(part);

    private static SpecialTokenFrame ReadOne(JsonPart part)
    {
        switch (part.Required("type").AsString())
        {
            case "ByteLevel":
                return Empty; // moves offsets only
            case "Sequence":
                var steps = part.Required("processors").Items().Select(ReadOne).ToList();
                return new SpecialTokenFrame(
                    [.. steps.AsEnumerable().Reverse().SelectMany(s => s.Before)], [.. steps.SelectMany(s => s.After)]);
            case "TemplateProcessing":
                return ReadTemplate(part);
            case var type:
                throw part.Error($"has the unknown type '{type}'; known are ByteLevel, Sequence and TemplateProcessing.");
        }
    }

    private static SpecialTokenFrame ReadTemplate(JsonPart part)
    {
        List<int> before = [], after = [];
        var current = before;
        foreach (var item in part.Required("single").Items())
        {
            if (!item.Optional("Sequence").IsNull)
            {
                if (current == after) throw item.Error("names the text a second time.");
                current = after;
                continue;
            }

            var name = item.Required("SpecialToken").Required("id").AsString();
            current.AddRange(part.Required("special_tokens").Required(name).Required("ids").Items().Select(id => id.AsId()));
        }

        return current == after ? new SpecialTokenFrame(before, after) : throw part.Required("single").Error("leaves the text out.");
    }
}
