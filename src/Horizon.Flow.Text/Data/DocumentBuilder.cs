using System.Runtime.InteropServices;
using System.Text.Json;
using Horizon.Flow.Text.Templates;
using Horizon.Flow.Text.Tokenizers;

namespace Horizon.Flow.Text.Data;

/// <summary>Makes token documents from texts and records, with the labels of what is to be learned.</summary>
internal sealed class DocumentBuilder(ITokenizer? tokenizer, int vocabularySize, TrainOn trainOn, DateTime date, DataTally tally)
{
    private readonly bool _trainOnPrompt = trainOn == TrainOn.All;
    private readonly int[] _ends = [.. tokenizer?.EndOfText ?? []];

    // One thread builds one document at a time.
    private readonly ThreadLocal<List<Token>> _tokens = new(() => []);

    // Stanford Alpaca's prompts (github.com/tatsu-lab/stanford_alpaca), for tokenizers without a chat template.
    private const string AlpacaPrompt =
        "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n";

    private const string AlpacaInputPrompt =
        "Below is an instruction that describes a task, paired with an input that provides further context. "
        + "Write a response that appropriately completes the request.\n\n";

    private const string AddTemplate = "add chat_template.jinja to the model folder";

    /// <summary>The last place where a text may be cut so that the parts have the tokens of the whole, or 0; null where there is no such place that is known.</summary>
    public CutFinder? LastCut => (tokenizer as HuggingFaceTokenizer)?.LastCut;

    /// <summary>The ids of a text that comes in pieces, cut where it may be.</summary>
    /// <exception cref="BadRecordException">Later: it cannot be trained on.</exception>
    public IEnumerable<int[]> FromPieces(IEnumerable<string> pieces, string where)
    {
        int? last = null;
        var isAny = false;
        using var each = pieces.GetEnumerator();
        for (var goesOn = each.MoveNext(); goesOn; isAny = true)
        {
            var text = each.Current;
            goesOn = each.MoveNext();
            var ids = Needed(where) is HuggingFaceTokenizer known ? known.EncodePart(text, isFirst: !isAny, isLast: !goesOn) : [.. tokenizer!.Encode(text, addSpecialTokens: true)];
            RequireKnown(ids, where);
            if (ids is [.., var end]) last = end;
            yield return ids;
        }

        if (isAny && tokenizer!.EndOfText is [var stop, ..] && last != stop) yield return [stop];
    }

    public TokenDocument FromText(string text, string where)
    {
        var ids = Needed(where).Encode(text, addSpecialTokens: true);
        int[] all = text.Length > 0 ? WithEnd(ids) : [];
        return Checked(new TokenDocument(all, all), where);
    }

    /// <exception cref="BadRecordException">The record cannot be trained on; others can.</exception>
    /// <exception cref="HorizonException">No record of this data set can be trained on as it is.</exception>
    public IReadOnlyList<TokenDocument> FromRecord(DataRecord record, DataFormat format)
    {
        RecordKeys.Check(record, format, tally);
        return format switch
        {
            DataFormat.Tokens => [Checked(TokenRecordReader.Read(record), record.Where)],
            DataFormat.Text => [FromText(record.Text(record.Has("text") ? "text" : "content"), record.Where)],
            DataFormat.Pairs when PairKeys.Of(record) is not { } => throw record.Error($"a prompt and its answer are missing; known are {PairKeys.Names}."),
            DataFormat.Pairs when PairKeys.Of(record) is { } pair && PairKeys.IsContinuation(pair) && record.Optional("prompt") is { ValueKind: JsonValueKind.String } =>
                [FromContinuation(record)],
            DataFormat.Alpaca or DataFormat.Pairs when Needed(record.Where).ChatTemplate is null => [FromPlainAlpaca(record)],
            _ => FromConversation(record, format),
        };
    }

    private TokenDocument FromPlainAlpaca(DataRecord record)
    {
        foreach (var key in (string[])["system", "history", "tools", "functions", "documents"])
        {
            if (record.Optional(key) is { } value && value.ToString() is not ("" or "[]"))
                throw new HorizonException($"{record.Where}: '{key}' needs a chat template, and the tokenizer has none: {AddTemplate}.");
        }

        var (instruction, answer) = !(record.Has("instruction") && record.Has("output")) && PairKeys.Of(record) is { } pair ? pair : ("instruction", "output");
        var input = instruction == "input" ? "" : record.Text("input", isOptional: true);
        var prompt = (input.Length > 0 ? AlpacaInputPrompt : AlpacaPrompt) + $"### Instruction:\n{record.Text(instruction)}\n\n"
            + (input.Length > 0 ? $"### Input:\n{input}\n\n" : "") + "### Response:";
        return FromPrompt(prompt, record.Text(answer), record.Where);
    }

    // A prompt and its completion without turns are one text, as in TRL.
    private TokenDocument FromContinuation(DataRecord record) => FromPrompt(record.Text("prompt"), record.Text("completion"), record.Where);

    private TokenDocument FromPrompt(string prompt, string answer, string where)
    {
        var text = prompt + answer;
        Token[] tokens = [.. Needed(where).EncodeWithOffsets(text, addSpecialTokens: true)];
        var ids = WithEnd(Array.ConvertAll(tokens, token => token.Id));
        var labels = Mask(tokens, [prompt.Length..text.Length]);
        return Conversation(ids, _trainOnPrompt ? ids : [.. labels, .. ids[labels.Length..]], where);
    }

    private List<TokenDocument> FromConversation(DataRecord record, DataFormat format)
    {
        var owner = Needed(record.Where);
        var template = owner.ChatTemplate
            ?? throw new HorizonException($"{record.Where}: conversations need a chat template, and the tokenizer has none: {AddTemplate}.");
        tally.SeeTemplate();
        return [.. Render(record, template, new ConversationReader(template, trainOn, date, tally).Read(record, format)).Select(chat => FromChat(owner, chat, record.Where))];
    }

    private TokenDocument FromChat(ITokenizer owner, RenderedChat chat, string where)
    {
        var tokens = Encode(owner, chat.Text);
        var ids = new int[tokens.Length];
        for (var i = 0; i < ids.Length; i++) ids[i] = tokens[i].Id;
        return Conversation(ids, Mask(tokens, chat.Generated, _trainOnPrompt), where);
    }

    private ReadOnlySpan<Token> Encode(ITokenizer owner, string text)
    {
        if (owner is not HuggingFaceTokenizer known) return owner.EncodeWithOffsets(text, addSpecialTokens: false).ToArray();
        var tokens = _tokens.Value!;
        known.Encode(text, addSpecialTokens: false, tokens);
        return CollectionsMarshal.AsSpan(tokens);
    }

    /// <summary>The text, and its stretches that are trained, or with prompts those that are left out; several where each answer stands as it would be generated.</summary>
    private IReadOnlyList<RenderedChat> Render(DataRecord record, ChatTemplate template, Conversation conversation)
    {
        try
        {
            if (trainOn == TrainOn.Each) return AnswerTexts.Render(template, conversation);
            if (!_trainOnPrompt) return [AssistantSpans.Render(template, conversation)];
            return [conversation.Messages.All(message => message.IsTrained)
                ? template.Render(conversation, addGenerationPrompt: false) with { Generated = [] }
                : AssistantSpans.Render(template, conversation, message => !message.IsTrained)];
        }
        catch (HorizonException e)
        {
            throw record.Error(e.Message, e);
        }
    }

    private TokenDocument Conversation(int[] ids, int[] labels, string where)
    {
        tally.CountConversation(hasEnd: labels.AsSpan().IndexOfAny(_ends) >= 0);
        return Checked(new TokenDocument(ids, labels) { IsConversation = true }, where);
    }

    /// <summary>The ids of the tokens that hold a character of a stretch (or with <paramref name="outside"/>, that hold none), and -100 for the others.</summary>
    private static int[] Mask(ReadOnlySpan<Token> tokens, IReadOnlyList<Range> stretches, bool outside = false)
    {
        var labels = new int[tokens.Length];
        if (!outside) labels.AsSpan().Fill(TokenDocument.Ignored);
        else for (var i = 0; i < labels.Length; i++) labels[i] = tokens[i].Id;
        var next = 0;
        foreach (var stretch in stretches)
        {
            var (start, end) = (stretch.Start.Value, stretch.End.Value);
            while (next < tokens.Length && tokens[next].End <= start && tokens[next].Start < start) next++;
            for (var i = next; i < tokens.Length && tokens[i].Start < end; i++) labels[i] = outside ? TokenDocument.Ignored : tokens[i].Id;
        }

        return labels;
    }

    private int[] WithEnd(IReadOnlyList<int> ids) =>
        tokenizer!.EndOfText is [var end, ..] && (ids.Count == 0 || ids[^1] != end) ? [.. ids, end] : [.. ids];

    private ITokenizer Needed(string where) => tokenizer
        ?? throw new HorizonException($"{where}: this data needs a tokenizer, and the model folder has no tokenizer.json.");

    private TokenDocument Checked(TokenDocument document, string where)
    {
        RequireKnown(document.InputIds, where);
        foreach (var label in document.Labels)
            if (label != TokenDocument.Ignored && (uint)label >= (uint)vocabularySize) throw Beyond("label", label, where);
        return document;
    }

    private void RequireKnown(ReadOnlySpan<int> ids, string where)
    {
        foreach (var id in ids)
            if ((uint)id >= (uint)vocabularySize) throw Beyond("token id", id, where);
    }

    private BadRecordException Beyond(string what, int value, string where) => new(
        $"{where}: the {what} {value} is not in the model's vocabulary of {vocabularySize} tokens; "
        + "use the tokenizer that the model was made with.");
}
