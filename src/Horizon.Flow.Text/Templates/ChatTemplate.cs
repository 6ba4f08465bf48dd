namespace Horizon.Flow.Text.Templates;

/// <summary>
/// A chat template: a subset of Jinja, with the settings and additions of Hugging Face (generation blocks, tojson, raise_exception).
/// Rendering is bounded in time, memory and depth whatever the template says.
/// </summary>
public sealed class ChatTemplate
{
    // Of a rendering that is remembered.
    private const int MostParts = 1024;

    private readonly IReadOnlyList<Statement> _body;
    private readonly string _name;
    private readonly IReadOnlyDictionary<string, object?> _variables;
    private readonly string _source;
    private Lazy<ChatTemplate>? _forTools;

    private ChatTemplate(string source, IReadOnlyList<Statement> body, bool hasGeneration, string name, IReadOnlyDictionary<string, object?> variables)
    {
        _source = source;
        _body = body;
        HasGeneration = hasGeneration;
        _name = name;
        _variables = variables;
        // Where the template marks what is said, that has a place, and a date is another one tomorrow.
        Memory = hasGeneration || Mentions("strftime_now") ? null : new RenderingMemory();
    }

    /// <summary>Whether the template itself marks what the assistant says ({% generation %}).</summary>
    public bool HasGeneration { get; }

    /// <summary>Parses a template.</summary>
    /// <param name="source">The template's text.</param>
    /// <param name="name">What messages call it, such as its file.</param>
    /// <param name="variables">Variables of every rendering, such as bos_token and eos_token.</param>
    /// <exception cref="HorizonException">The template is malformed or asks for something unknown; names the line.</exception>
    public static ChatTemplate Parse(string source, string name, IReadOnlyDictionary<string, object?>? variables = null)
    {
        ArgumentNullException.ThrowIfNull(source);
        var (body, hasGeneration) = StatementParser.Parse(source, name);
        return new ChatTemplate(source, body, hasGeneration, name, variables ?? new Dictionary<string, object?>());
    }

    /// <summary>Renders a conversation.</summary>
    /// <param name="conversation">The messages, and what else the template may look at.</param>
    /// <param name="addGenerationPrompt">Whether the text ends where the assistant is to speak.</param>
    /// <exception cref="HorizonException">The template fails or refuses the conversation; names the line.</exception>
    public RenderedChat Render(Conversation conversation, bool addGenerationPrompt)
    {
        ArgumentNullException.ThrowIfNull(conversation);
        var template = For(conversation);
        return template.Render(conversation, conversation.Messages.Count, addGenerationPrompt, null, new TemplateBudget(template.Name));
    }

    /// <summary>A template that takes the place of this one where a conversation has tools, parsed when first asked for.</summary>
    internal ChatTemplate WithToolUse(Func<ChatTemplate> parse)
    {
        _forTools = new Lazy<ChatTemplate>(parse);
        return this;
    }

    /// <summary>The template that renders conversations with tools, or without.</summary>
    internal ChatTemplate For(bool hasTools) => hasTools && _forTools is not null ? _forTools.Value : this;

    /// <summary>The template that renders a conversation.</summary>
    internal ChatTemplate For(Conversation conversation) => For(conversation.Variables.GetValueOrDefault("tools") is not null);

    /// <summary>Whether the template's text holds a name: what it does not name it does not use, unless it writes whole messages.</summary>
    internal bool Mentions(string name) => _source.Contains(name, StringComparison.Ordinal);

    /// <summary>Renders the first messages, with another end-of-text token where one is given.</summary>
    internal RenderedChat Render(Conversation conversation, int messages, bool addGenerationPrompt, string? endToken, TemplateBudget budget) =>
        Render(conversation, messages == conversation.Messages.Count ? conversation.Messages : [.. conversation.Messages.Take(messages)], addGenerationPrompt, endToken, budget);

    /// <summary>Renders other messages in the place of the conversation's.</summary>
    internal RenderedChat Render(
        Conversation conversation, IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt, string? endToken, TemplateBudget budget)
    {
        var remembered = conversation.Variables.Count == 0 ? Memory?.Find(messages, addGenerationPrompt, endToken) : null;
        if ((remembered?.TryRender(messages, budget) ?? Watch(remembered, conversation, messages, addGenerationPrompt, endToken, budget)) is { } text) return new RenderedChat(text, []);
        return TemplateInterpreter.Render(_body, budget, Variables(conversation, messages.Select(message => message.Fields), addGenerationPrompt, endToken));
    }

    /// <summary>Renders and remembers how; null where this cannot be watched, or the template fails.</summary>
    private string? Watch(
        RememberedTurns? remembered, Conversation conversation, IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt, string? endToken, TemplateBudget budget)
    {
        if (remembered?.MayWatch() != true) return null;
        var before = budget.Spent;
        var watch = new RenderingWatch(messages, budget);
        try
        {
            var fields = messages.Select((message, i) => new OrderedDictionary<string, object?> { ["role"] = message.Role, ["content"] = new ContentText(watch, i) });
            var parts = TemplateInterpreter.RenderUnseen(_body, budget, Variables(conversation, fields, addGenerationPrompt, endToken));
            if (parts.Count > MostParts) return null;
            var rendering = new RememberedRendering(parts, budget.Spent - before);
            var text = rendering.Render(messages, new TemplateBudget(_name));
            watch.End();
            remembered.Add(watch, rendering);
            return text;
        }
        catch (Exception e) when (e is SeenException or HorizonException && !budget.IsSpent || e is InvalidOperationException { InnerException: SeenException })
        {
            return null;
        }
    }

    private Dictionary<string, object?> Variables(
        Conversation conversation, IEnumerable<OrderedDictionary<string, object?>> messages, bool addGenerationPrompt, string? endToken)
    {
        var variables = new Dictionary<string, object?>(_variables)
        {
            ["tools"] = null,
            ["documents"] = null,
            ["messages"] = messages.Select(fields => (object?)fields).ToList(),
            ["add_generation_prompt"] = addGenerationPrompt,
        };
        variables["strftime_now"] = new ClockValue(conversation.Date ?? TimeProvider.System.GetLocalNow().DateTime);
        foreach (var (name, value) in conversation.Variables) variables[name] = value;
        if (endToken is not null && variables.ContainsKey("eos_token")) variables["eos_token"] = endToken;
        return variables;
    }

    /// <summary>The end-of-text token as the template sees it, or null.</summary>
    internal string? EndToken => _variables.GetValueOrDefault("eos_token") as string;

    /// <summary>What is remembered of its renderings; null where they hang on more than the conversation.</summary>
    internal RenderingMemory? Memory { get; }

    /// <summary>What messages call the template.</summary>
    internal string Name => _name;
}
