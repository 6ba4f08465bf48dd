using System.Text.Json;
using System.Text.RegularExpressions;
using Horizon.Flow.Host.Files;
using Horizon.Flow.Text.Templates;

namespace Horizon.Flow.Text.Tokenizers;

/// <summary>
/// A tokenizer from a Hugging Face folder (tokenizer.json and the files beside it): byte-level BPE as in Llama 3 and Qwen, or
/// SentencePiece-style BPE as in Llama 2 and Mistral, with the ids of Hugging Face's own library.
/// </summary>
public sealed class HuggingFaceTokenizer : ITokenizer
{
    private readonly WordEncoder _words;
    private readonly INormalizer? _normalizer;
    private readonly IDecoder? _decoder;
    private readonly SpecialTokenFrame _frame;
    private readonly AddedTokenFinder _rawTokens;
    private readonly AddedTokenFinder _normalizedTokens;
    private readonly Dictionary<int, string> _tokens = []; // ids may have gaps: an array would be as large as the file says
    private readonly HashSet<int> _special = [];
    private readonly Lazy<ChatTemplate?> _template;

    private HuggingFaceTokenizer(JsonPart root, TokenizerSettings settings, TimeProvider time, IReadOnlyList<string> more)
    {
        var clock = new PatternClock(time);
        var model = BpeReader.Read(root.Required("model"));
        _normalizer = NormalizerReader.Read(root.Optional("normalizer"), clock);
        _words = new WordEncoder(PreTokenizerReader.Read(root.Optional("pre_tokenizer"), clock), model);
        _decoder = DecoderReader.Read(root.Optional("decoder"), clock);

        var addedPart = root.Optional("added_tokens");
        var added = addedPart.IsNull ? [] : addedPart.Items().Select(AddedToken.Read).ToList();
        VocabularySizeOfFolder = 1 + Math.Max(model.Vocabulary.Values.Max(), added.Select(t => t.Id).DefaultIfEmpty().Max());
        AdditionalTokens = AddedToken.Add(added, more, model.Vocabulary, VocabularySizeOfFolder);
        _rawTokens = new AddedTokenFinder(added.Where(t => !t.IsNormalized).Select(t => (t, t.Content)));
        _normalizedTokens = new AddedTokenFinder(added.Where(t => t.IsNormalized).Select(t => (t, Normalize(t.Content, 0).Text)));

        // No added token may lie across a cut, or take part in what stands before it.
        if (_normalizer is null or CanonicalNormalizer && added.SelectMany(token => (string[])[token.Content, Normalize(token.Content, 0).Text]).All(content => !content.Contains('\n', StringComparison.Ordinal) && !char.IsAsciiLetter(content[0])))
            LastCut = _words.Scanner is { } scanner ? scanner.LastCut : null;
        VocabularySize = Math.Max(VocabularySizeOfFolder, 1 + added.Select(t => t.Id).DefaultIfEmpty().Max());
        foreach (var (token, id) in model.Vocabulary) _tokens[id] = token;
        foreach (var token in added)
        {
            _tokens[token.Id] = token.Content;
            if (token.IsSpecial) _special.Add(token.Id);
        }

        BeginOfText = IdOf(settings.BeginToken);
        var end = new[] { IdOf(settings.EndToken) }.OfType<int>();
        EndOfText = [.. end.Concat(settings.StopIds.Where(id => id < VocabularySize)).Distinct()];
        _frame = SpecialTokenFrame.Read(root.Optional("post_processor"));
        if (root.Optional("post_processor").IsNull && settings.AddsBegin && BeginOfText is { } begin)
            _frame = new SpecialTokenFrame([begin], []);
        _template = new Lazy<ChatTemplate?>(() => ParseTemplate(settings));

        int? IdOf(string? content) =>
            content is null ? null
            : added.Find(t => t.Content == content)?.Id ?? (model.Vocabulary.TryGetValue(content, out var id) ? id : null);
    }

    /// <inheritdoc/>
    public int VocabularySize { get; }

    /// <summary>The same without the tokens that a run adds.</summary>
    public int VocabularySizeOfFolder { get; }

    /// <summary>The tokens that a run adds.</summary>
    internal IReadOnlyList<AddedToken> AdditionalTokens { get; }

    /// <summary>Hashes what it was read from.</summary>
    internal string Identity { get; private init; } = "";

    /// <inheritdoc/>
    public int? BeginOfText { get; }

    /// <inheritdoc/>
    public IReadOnlyList<int> EndOfText { get; }

    /// <inheritdoc/>
    public ChatTemplate? ChatTemplate => _template.Value;

    /// <summary>Reads the tokenizer of a folder.</summary>
    /// <param name="folder">Holds tokenizer.json and, where there are, tokenizer_config.json, special_tokens_map.json,
    /// generation_config.json and chat_template.jinja.</param>
    /// <exception cref="HorizonException">A file is missing or malformed, or asks for something unknown; names the file and the part.</exception>
    public static HuggingFaceTokenizer Load(string folder) => Load(folder, new TokenizerChanges());

    /// <summary>The same with changes.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="changes">What a run changes of it.</param>
    /// <exception cref="HorizonException">As without changes; or a token is added twice.</exception>
    public static HuggingFaceTokenizer Load(string folder, TokenizerChanges changes) => Load(folder, changes, TimeProvider.System);

    /// <summary>The same, with the clock that its patterns are timed by.</summary>
    internal static HuggingFaceTokenizer Load(string folder, TimeProvider time) => Load(folder, new TokenizerChanges(), time);

    private static HuggingFaceTokenizer Load(string folder, TokenizerChanges changes, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(folder);
        ArgumentNullException.ThrowIfNull(changes);
        var file = Path.Combine(folder, "tokenizer.json");
        if (!UntrustedFile.IsThere(file))
            throw new HorizonException($"{folder} holds no tokenizer.json: give a Hugging Face folder with a fast tokenizer.");
        var identity = TokenizerSettings.Files.Select(name => Path.Combine(folder, name))
            .Select(path => UntrustedFile.IsThere(path) && File.Exists(path) ? ContentHash.Of(path).Hash : "none");
        if (!changes.IsEmpty) identity = identity.Append(JsonSerializer.Serialize(changes));
        return Bounded(() =>
        {
            var settings = TokenizerSettings.Read(folder);
            if (changes.ChatTemplate is { } template) settings = settings with { Template = new NamedTemplate(template, "data.chat_template"), ToolUseTemplate = null };
            return new HuggingFaceTokenizer(JsonPart.Read(file), settings, time, changes.AdditionalSpecialTokens) { Identity = string.Join(' ', identity) };
        });
    }

    /// <inheritdoc/>
    public IReadOnlyList<int> Encode(string text, bool addSpecialTokens)
    {
        ArgumentNullException.ThrowIfNull(text);
        var ids = new List<int>((text.Length / 3) + 4);
        Encode(text, addSpecialTokens, addSpecialTokens, null, ids);
        return ids;
    }

    /// <inheritdoc/>
    public IReadOnlyList<Token> EncodeWithOffsets(string text, bool addSpecialTokens)
    {
        var tokens = new List<Token>();
        Encode(text, addSpecialTokens, tokens);
        return tokens;
    }

    /// <summary>Finds where a long text may be cut into parts; null where it may not.</summary>
    internal CutFinder? LastCut { get; }

    /// <summary>The ids of a part of a text, which is cut where it may be, with the special tokens at the text's ends.</summary>
    internal int[] EncodePart(string text, bool isFirst, bool isLast)
    {
        var ids = new List<int>((text.Length / 3) + 4);
        Encode(text, isFirst, isLast, null, ids);
        return [.. ids];
    }

    /// <summary>The same into a list that is there, which is cleared first.</summary>
    internal void Encode(string text, bool addSpecialTokens, List<Token> tokens)
    {
        ArgumentNullException.ThrowIfNull(text);
        tokens.Clear();
        tokens.EnsureCapacity((text.Length / 3) + 4);
        Encode(text, addSpecialTokens, addSpecialTokens, tokens, null);
    }

    private void Encode(string text, bool addsBefore, bool addsAfter, List<Token>? tokens, List<int>? ids) => Bounded(() =>
    {
        Run(text, addsBefore, addsAfter, tokens, ids);
        return true;
    });

    /// <inheritdoc/>
    public string Decode(IEnumerable<int> ids, bool skipSpecialTokens)
    {
        ArgumentNullException.ThrowIfNull(ids);
        var tokens = new List<string>();
        foreach (var id in ids)
        {
            if (!_tokens.TryGetValue(id, out var token)) continue;
            if (!skipSpecialTokens || !_special.Contains(id)) tokens.Add(token);
        }

        return _decoder is null ? string.Join(' ', tokens) : Bounded(() => string.Concat(_decoder.Decode(tokens)));
    }

    /// <summary>A pattern of the file that finds no end is the file's fault.</summary>
    private static T Bounded<T>(Func<T> work)
    {
        try
        {
            return work();
        }
        catch (RegexMatchTimeoutException error)
        {
            throw new HorizonException(
                $"the tokenizer's pattern {error.Pattern} finds no end on some text: its tokenizer.json is damaged or hostile; fetch the file again", error);
        }
    }

    // Where only conversations with tools have a template, none has the default one.
    private static ChatTemplate? ParseTemplate(TokenizerSettings settings)
    {
        var variables = new Dictionary<string, object?>
        {
            ["bos_token"] = settings.BeginToken,
            ["eos_token"] = settings.EndToken,
            ["pad_token"] = settings.PaddingToken,
            ["unk_token"] = settings.UnknownToken,
        }.Where(variable => variable.Value is not null).ToDictionary();
        if (settings.Template is null) return null;
        var template = Parse(settings.Template);
        return settings.ToolUseTemplate is { } toolUse ? template.WithToolUse(() => Parse(toolUse)) : template;

        ChatTemplate Parse(NamedTemplate named) => ChatTemplate.Parse(named.Source, named.File, variables);
    }

    /// <summary>Gives tokens with their places, or ids alone.</summary>
    private void Run(string text, bool addsBefore, bool addsAfter, List<Token>? tokens, List<int>? ids)
    {
        text = WellFormed(text);
        // What is in normal form as a whole is so in each part.
        var whole = _normalizer is null || (_normalizer is CanonicalNormalizer form && form.IsNormal(text)) ? new AlignedText(text, 0) : null;
        if (addsBefore) Frame(_frame.Before, 0);

        // Added tokens first in the text as it came, then, between those, in the normalized text; the rest goes to the model.
        var done = 0;
        foreach (var (token, start, end) in _rawTokens.Find(text))
        {
            Encode(done, start);
            Add(token.Id, start, end);
            done = end;
        }

        Encode(done, text.Length);
        if (addsAfter) Frame(_frame.After, text.Length);

        void Add(int id, int start, int end)
        {
            tokens?.Add(new Token(id, start, end));
            ids?.Add(id);
        }

        void Frame(IReadOnlyList<int> frame, int at)
        {
            foreach (var id in frame) Add(id, at, at);
        }

        void Encode(int start, int end)
        {
            if (end > start) EncodeSection(whole is null ? new Piece(Normalize(text[start..end], start)) : new Piece(whole, start, end - start), tokens, ids);
        }
    }

    private void EncodeSection(Piece whole, List<Token>? tokens, List<int>? ids)
    {
        var done = 0;
        foreach (var (token, start, end) in _normalizedTokens.Find(whole.Span))
        {
            EncodePiece(whole.Slice(done, start - done), tokens, ids);
            tokens?.Add(new Token(token.Id, whole.SourceStart(start), whole.SourceEnd(end - 1)));
            ids?.Add(token.Id);
            done = end;
        }

        EncodePiece(whole.Slice(done, whole.Length - done), tokens, ids);
    }

    private void EncodePiece(Piece piece, List<Token>? tokens, List<int>? ids)
    {
        if (piece.Length == 0) return;
        if (tokens is not null) _words.Encode(piece, tokens);
        else _words.Encode(piece, ids!);
    }

    private AlignedText Normalize(string text, int offset)
    {
        var aligned = new AlignedText(text, offset);
        return _normalizer?.Normalize(aligned) ?? aligned;
    }

    /// <summary>Half surrogate pairs become U+FFFD, one for one.</summary>
    private static string WellFormed(string text)
    {
        if (text.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF') < 0) return text;
        return string.Create(text.Length, text, static (target, source) =>
        {
            source.CopyTo(target);
            for (var i = 0; i < target.Length; i++)
            {
                if (!char.IsSurrogate(target[i])) continue;
                if (i + 1 < target.Length && char.IsSurrogatePair(target[i], target[i + 1])) i++;
                else target[i] = '\uFFFD';
            }
        });
    }
}
