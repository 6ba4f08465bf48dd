using System.Text.RegularExpressions;

namespace Horizon.Flow.Text.Data;

/// <summary>Which split a file's name says that it belongs to.</summary>
internal static partial class FileSplit
{
    public const string Train = "train";
    public const string Validation = "validation";
    public const string Test = "test";

    /// <summary>The split that the file's name says, else the nearest folder's; null where none says one.</summary>
    /// <param name="relativePath">The path below the data set's folder.</param>
    public static string? Of(string relativePath)
    {
        foreach (var name in relativePath.Split('/', '\\').Reverse())
        {
            if (Word().Match(name) is not { Success: true } match) continue;
            return match.Value.ToLowerInvariant() switch
            {
                "train" or "training" => Train,
                "test" or "testing" or "eval" or "evaluation" => Test,
                _ => Validation,
            };
        }

        return null;
    }

    // The words that Hugging Face's datasets looks for, and "held out"; letters around them make another word.
    [GeneratedRegex(
        @"(?<!\p{L})(train(ing)?|valid(ation)?|val|dev|held[-_ ]?out|holdout|test(ing)?|eval(uation)?)(?!\p{L})",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Word();
}
