using System.Security.Cryptography;
using System.Text;
using Horizon.Flow.Text.Data;
using Horizon.Flow.Text.Tokenizers;

namespace Horizon.Flow.Text.Tokens;

/// <summary>Hashes all that tokens come from.</summary>
internal static class CacheKey
{
    /// <summary>The key; null where something is not known well enough to be sure.</summary>
    /// <param name="sets">The data sets.</param>
    /// <param name="hashes">Their files.</param>
    /// <param name="tokenizer">What makes tokens of them; null for none.</param>
    /// <param name="vocabularySize">Beyond which a record is bad.</param>
    /// <param name="date">The date that templates may write.</param>
    public static string? Of(IReadOnlyList<DataOptions> sets, IReadOnlyList<IReadOnlyList<ContentHash>> hashes, ITokenizer? tokenizer, int vocabularySize, DateTime date)
    {
        if (tokenizer is not (null or HuggingFaceTokenizer)) return null;
        var text = new StringBuilder();
        // The module's id is another in every build, of whatever it is built; patterns and Unicode are the runtime's.
        Add("program", typeof(CacheKey).Module.ModuleVersionId, Environment.Version);
        Add("tokenizer", (tokenizer as HuggingFaceTokenizer)?.Identity, vocabularySize);
        Add("date", sets[0].Date is not null || tokenizer?.ChatTemplate?.Mentions("strftime_now") == true ? date.ToString("O") : "");
        for (var i = 0; i < sets.Count; i++)
        {
            var set = sets[i];
            Add("set", set.Path, set.Format, set.MaxSamples, set.MaxBadShare, set.TrainOnPrompt ? TrainOn.All : set.TrainOn, set.Columns);
            foreach (var (name, role) in set.Roles.OrderBy(role => role.Key, StringComparer.Ordinal)) Add("role", name, role);
            foreach (var file in hashes[i]) Add("file", file.Path, file.Length, file.Hash);
        }

        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())).AsSpan(0, 16));

        // Each value with its length in front, so that no two lists read alike.
        void Add(params object?[] values)
        {
            foreach (var value in values.Select(value => FormattableString.Invariant($"{value}"))) text.Append(System.Globalization.CultureInfo.InvariantCulture, $"{value.Length}:{value};");
            text.Append('\n');
        }
    }
}
