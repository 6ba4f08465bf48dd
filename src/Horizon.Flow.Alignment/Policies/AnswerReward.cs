using System.Text.Json;
using System.Text.RegularExpressions;

namespace Horizon.Flow.Alignment.Policies;

/// <summary>Rewards that a function tells from each answer by itself, and some simple ones: 1 for an answer that passes, 0 for another.</summary>
/// <param name="reward">The function.</param>
public sealed class AnswerReward(Func<Answer, double> reward) : IAnswerReward
{
    // A pattern that goes astray must not hold up the run.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    /// <summary>An answer passes that holds a text, letter by letter.</summary>
    public static AnswerReward Contains(string text) => Passing(answer => answer.Text.Contains(text, StringComparison.Ordinal));

    /// <summary>An answer passes in which a regular expression of .NET finds something.</summary>
    /// <exception cref="HorizonException">It is no regular expression.</exception>
    public static AnswerReward Matches(string pattern)
    {
        Regex regex;
        try
        {
            regex = new Regex(pattern, RegexOptions.CultureInvariant, Patience);
        }
        catch (ArgumentException error)
        {
            throw new HorizonException($"'{pattern}' is no regular expression: {error.Message.TrimEnd('.')}", error);
        }

        return Passing(answer =>
        {
            try
            {
                return regex.IsMatch(answer.Text);
            }
            catch (RegexMatchTimeoutException error)
            {
                throw new HorizonException($"the regular expression '{pattern}' takes more than {Patience.TotalSeconds:0} s for one answer; write one that goes back less", error);
            }
        });
    }

    /// <summary>An answer passes that is the text or number of a column of its record, but for white space around it.</summary>
    public static AnswerReward Equal(string column) => Passing(answer => answer.Text.AsSpan().Trim().SequenceEqual(Column(answer, column).AsSpan().Trim()));

    /// <inheritdoc/>
    public Task<IReadOnlyList<double>> RewardAsync(IReadOnlyList<Answer> answers, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(answers);
        return Task.FromResult<IReadOnlyList<double>>([.. answers.Select(answer => reward(answer) is var number && double.IsFinite(number) ? number
            : throw new HorizonException($"the reward of an answer is {number}; give a finite number"))]);
    }

    private static AnswerReward Passing(Func<Answer, bool> passes) => new(answer => passes(answer) ? 1 : 0);

    private static string Column(Answer answer, string column)
    {
        if (answer.Prompt.Record.ValueKind != JsonValueKind.Object || !answer.Prompt.Record.TryGetProperty(column, out var value))
            throw new HorizonException($"a record has no column '{column}' to compare its answers with; its prompt begins '{Beginning(answer.Prompt.Text)}'");
        return value.ValueKind switch
        {
            JsonValueKind.String => value.GetString()!,
            JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False => value.GetRawText(),
            _ => throw new HorizonException($"the column '{column}' of a record is neither a text nor a number; its prompt begins '{Beginning(answer.Prompt.Text)}'"),
        };
    }

    private static string Beginning(string text) => text[..Math.Min(text.Length, 40)].ReplaceLineEndings(" ");
}
