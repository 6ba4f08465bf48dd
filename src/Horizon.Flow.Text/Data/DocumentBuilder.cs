using System.Text.Json;

namespace Horizon.Flow.Text;

/// <summary>Makes token documents from texts and records, with the labels of what is to be learned.</summary>
internal sealed class DocumentBuilder(ITokenizer? tokenizer, int vocabularySize, bool trainOnPrompt)
{
    // Stanford Alpaca's prompts (github.com/tatsu-lab/stanford_alpaca), for tokenizers without a chat template.
    private const string AlpacaPrompt =
        "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n";

    private const string AlpacaInputPrompt =
        "Below is an instruction that describes a task, paired with an input that provides further context. "
        + "Write a response that appropriately completes the request.\n\n";

    public TokenDocument FromText(string text, string where)
    {
        var ids = Needed(where).Encode(text, addSpecialTokens: true);
        int[] all = text.Length > 0 ? WithEnd(ids) : [];
        return Checked(new TokenDocument(all, all), where);
    }

    public TokenDocument FromRecord(DataRecord record, DataFormat format) => format switch
    {
        DataFormat.Tokens => FromTokens(record),
        DataFormat.Text => FromText(record.Text("text"), record.Where),
        DataFormat.Alpaca when Needed(record.Where).ChatTemplate is null => FromPlainAlpaca(record),
        _ => FromConversation(record, format),
    };

    private TokenDocument FromTokens(DataRecord record)
    {
        var ids = Numbers("input_ids");
        var labels = record.Optional("labels") is null ? ids : Numbers("labels");
        if (labels.Length != ids.Length) throw record.Error($"there are {ids.Length} input_ids but {labels.Length} labels.");
        return Checked(new TokenDocument(ids, labels), record.Where);

        int[] Numbers(string name) => [.. record.List(name).Select(number =>
            number.ValueKind == JsonValueKind.Number && number.TryGetInt32(out var value)
                ? value
                : throw record.Error($"'{name}' must hold whole numbers."))];
    }

    private TokenDocument FromPlainAlpaca(DataRecord record)
    {
        if (record.Has("history") || record.Text("system", isOptional: true).Length > 0)
            throw record.Error("'system' and 'history' need a chat template, and the tokenizer has none.");
        var input = record.Text("input", isOptional: true);
        var prompt = (input.Length > 0 ? AlpacaInputPrompt : AlpacaPrompt) + $"### Instruction:\n{record.Text("instruction")}\n\n"
            + (input.Length > 0 ? $"### Input:\n{input}\n\n" : "") + "### Response:";
        var text = prompt + record.Text("output");
        var tokens = Needed(record.Where).EncodeWithOffsets(text, addSpecialTokens: true);
        var ids = WithEnd([.. tokens.Select(t => t.Id)]);
        var labels = Mask(tokens, [prompt.Length..text.Length]);
        return Checked(new TokenDocument(ids, [.. labels, .. ids[labels.Length..]]), record.Where);
    }

    private TokenDocument FromConversation(DataRecord record, DataFormat format)
    {
        var owner = Needed(record.Where);
        var template = owner.ChatTemplate ?? throw record.Error(
            "conversations need a chat template, and the tokenizer has none: add chat_template.jinja to the model folder.");
        var conversation = ConversationReader.Read(record, format);
        try
        {
            var chat = trainOnPrompt ? template.Render(conversation, addGenerationPrompt: false) : AssistantSpans.Render(template, conversation);
            var tokens = owner.EncodeWithOffsets(chat.Text, addSpecialTokens: false);
            var ids = tokens.Select(t => t.Id).ToArray();
            return Checked(new TokenDocument(ids, trainOnPrompt ? ids : Mask(tokens, chat.Generated)), record.Where);
        }
        catch (HorizonException e) when (!e.Message.StartsWith(record.Where, StringComparison.Ordinal))
        {
            throw record.Error(e.Message, e);
        }
    }

    /// <summary>The ids of the tokens that hold a character of a stretch, and -100 for the others.</summary>
    private static int[] Mask(IReadOnlyList<Token> tokens, IReadOnlyList<Range> stretches)
    {
        var labels = new int[tokens.Count];
        var at = 0;
        for (var i = 0; i < labels.Length; i++)
        {
            var token = tokens[i];
            while (at < stretches.Count && stretches[at].End.Value <= token.Start) at++;
            var isIn = at < stretches.Count && (token.End > stretches[at].Start.Value || token.Start >= stretches[at].Start.Value);
            labels[i] = isIn ? token.Id : TokenDocument.Ignored;
        }

        return labels;
    }

    private int[] WithEnd(IReadOnlyList<int> ids) =>
        tokenizer!.EndOfText is [var end, ..] && (ids.Count == 0 || ids[^1] != end) ? [.. ids, end] : [.. ids];

    private ITokenizer Needed(string where) => tokenizer
        ?? throw new HorizonException($"{where}: this data needs a tokenizer, and the model folder has no tokenizer.json.");

    private TokenDocument Checked(TokenDocument document, string where)
    {
        foreach (var id in document.InputIds)
            if ((uint)id >= (uint)vocabularySize) throw Beyond("token id", id);
        foreach (var label in document.Labels)
            if (label != TokenDocument.Ignored && (uint)label >= (uint)vocabularySize) throw Beyond("label", label);
        return document;

        HorizonException Beyond(string what, int value) => new(
            $"{where}: the {what} {value} is not in the model's vocabulary of {vocabularySize} tokens; "
            + "use the tokenizer that the model was made with.");
    }
}
