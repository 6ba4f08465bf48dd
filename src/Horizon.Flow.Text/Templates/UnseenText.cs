namespace Horizon.Flow.Text.Templates;

/// <summary>
/// A content of a conversation, or what became of one, while a rendering is watched: a value of the template that may be written and joined. What else is asked of it is written down with
/// the answer, or ends the watch.
/// </summary>
internal abstract class UnseenText
{
    /// <summary>Steps that a text may be made in: a template may double one in each turn of a loop.</summary>
    private const int MostSteps = 256;

    private readonly RenderingWatch _watch;
    private readonly int _steps;

    /// <exception cref="SeenException">It is made in too many steps.</exception>
    protected UnseenText(RenderingWatch watch, int steps)
    {
        if (steps > MostSteps) throw new SeenException();
        (_watch, _steps) = (watch, steps);
    }

    /// <summary>The text in a conversation.</summary>
    public abstract string Read(IReadOnlyList<ChatMessage> messages, TemplateBudget budget);

    /// <summary>What holds of the text, now and wherever the rendering is used again.</summary>
    public T Ask<T>(Func<string, TemplateBudget, T> question) => _watch.Ask((messages, budget) => question(Read(messages, budget), budget));

    /// <summary>Whether it is another text, which may be unseen too.</summary>
    public bool Is(object? other) => other switch
    {
        string text => Ask((own, _) => own == text),
        UnseenText unseen => ReferenceEquals(this, unseen) || _watch.Ask((messages, budget) => Read(messages, budget) == unseen.Read(messages, budget)),
        _ => false,
    };

    /// <summary>The text, changed.</summary>
    public UnseenText Change(Func<string, TemplateBudget, string> change) => new ChangedText(this, change);

    /// <summary>Two texts joined, one of them unseen.</summary>
    public static UnseenText Join(object left, object right) => new JoinedText(left as UnseenText ?? (UnseenText)right, left, right);

    /// <summary>What a method of strings gives.</summary>
    /// <param name="name">The method.</param>
    /// <param name="positional">Arguments by place.</param>
    /// <param name="named">Arguments by name.</param>
    public object? Call(string name, List<object?> positional, Dictionary<string, object?> named)
    {
        // A list among them could hold what is unseen.
        if (!positional.Concat(named.Values).All(argument => argument is null or string or long or bool)) throw new SeenException();
        object? Result(string text, TemplateBudget budget) => TemplateMethods.Call(text, name, positional, named, new TemplateOperators(budget), budget);
        switch (_watch.Try((messages, budget) => Result(Read(messages, budget), budget)))
        {
            case string: return Change((text, budget) => (string)Result(text, budget)!);
            case bool or long: return Ask(Result);
            case List<object?> parts when parts.TrueForAll(part => part is string):
                Ask((text, budget) => ((List<object?>)Result(text, budget)!).Count);
                var unseen = parts.Select((_, i) => (object?)Change((text, budget) => (string)((List<object?>)Result(text, budget)!)[i]!));
                return parts is TemplateTuple ? new TemplateTuple(unseen) : unseen.ToList();
            default: throw new SeenException();
        }
    }

    /// <summary>What a filter gives.</summary>
    /// <param name="name">The filter.</param>
    /// <param name="positional">How many arguments it has by place.</param>
    /// <param name="named">And by name.</param>
    public object? Filter(string name, int positional, int named) => (name, named > 0 ? -1 : positional) switch
    {
        ("trim", 0) => Change((text, budget) => TemplateStrings.Trim(text, null, budget)),
        ("length" or "count", 0) => Ask((text, _) => (long)text.EnumerateRunes().Count()),
        ("string", 0) or ("default" or "d", 1) => this,
        _ => throw new SeenException(),
    };

    /// <summary>Whether it is what a test asks for.</summary>
    public static bool Test(string name, int arguments) => (name, arguments) switch
    {
        ("defined" or "string" or "sequence" or "iterable", 0) => true,
        ("undefined" or "none" or "mapping" or "number" or "integer" or "float" or "boolean" or "true" or "false" or "callable", 0) => false,
        _ => throw new SeenException(),
    };

    private sealed class ChangedText(UnseenText text, Func<string, TemplateBudget, string> change) : UnseenText(text._watch, text._steps + 1)
    {
        public override string Read(IReadOnlyList<ChatMessage> messages, TemplateBudget budget) => change(text.Read(messages, budget), budget);
    }

    private sealed class JoinedText(UnseenText one, object left, object right) : UnseenText(one._watch, Steps(left) + Steps(right) + 1)
    {
        public override string Read(IReadOnlyList<ChatMessage> messages, TemplateBudget budget)
        {
            var (first, second) = (Read(left, messages, budget), Read(right, messages, budget));
            budget.Spend(first.Length + second.Length);
            return first + second;
        }

        private static int Steps(object part) => (part as UnseenText)?._steps ?? 0;

        private static string Read(object part, IReadOnlyList<ChatMessage> messages, TemplateBudget budget) => part as string ?? ((UnseenText)part).Read(messages, budget);
    }
}
