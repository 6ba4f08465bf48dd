namespace Horizon.Flow.Text.Data;

/// <summary>The keys under which data sets keep a prompt and its answer; of several, the first.</summary>
internal static class PairKeys
{
    private static readonly (string Prompt, string Answer)[] Known =
    [
        ("prompt", "completion"), ("prompt", "response"), ("prompt", "answer"), ("prompt", "output"),
        ("question", "answer"), ("question", "response"), ("query", "response"), ("query", "answer"),
        ("instruction", "response"), ("instruction", "answer"), ("instruction", "completion"),
        ("input", "output"), ("input", "response"), ("inputs", "targets"), ("problem", "solution"), ("user", "assistant"),
        ("instruction", "output"),
    ];

    /// <summary>The pair that a record has; null where it has none.</summary>
    public static (string Prompt, string Answer)? Of(DataRecord record)
    {
        foreach (var pair in Known)
            if (record.Has(pair.Prompt) && record.Has(pair.Answer)) return pair;
        return null;
    }

    /// <summary>Whether the pair is TRL's, which without turns is one text of which the end is learned.</summary>
    public static bool IsContinuation((string Prompt, string Answer) pair) => pair.Answer == "completion" && pair.Prompt == "prompt";

    public static string Names => string.Join(", ", Known.Take(6).Select(pair => $"{pair.Prompt} and {pair.Answer}"));
}
