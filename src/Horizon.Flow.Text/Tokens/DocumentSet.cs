using Horizon.Flow.Text.Data;
using Horizon.Flow.Text.Tokenizers;

namespace Horizon.Flow.Text.Tokens;

/// <summary>What data sets came to.</summary>
/// <param name="Documents">What is trained on, in the order of the files.</param>
/// <param name="HeldOut">What is held out.</param>
/// <param name="BadRecords">Records that were left out.</param>
/// <param name="Notices">What the user should know, a sentence each.</param>
internal sealed record DocumentSet(DocumentTable Documents, DocumentTable HeldOut, int BadRecords, IReadOnlyList<string> Notices)
{
    /// <summary>Bytes of tokens that are held in memory and made anew at every start; more are kept in a file.</summary>
    private const int MostHeld = 8 << 20;

    /// <summary>Reads the data sets, or the tokens that were kept of them.</summary>
    /// <param name="options">The data sets.</param>
    /// <param name="tokenizer">Makes tokens of texts; null where only tokens are read.</param>
    /// <param name="vocabularySize">Ids are below it.</param>
    /// <param name="progress">Is told how far the reading is.</param>
    /// <param name="mostHeld">Bytes of tokens that are held in memory.</param>
    /// <exception cref="HorizonException">A data set is missing, empty or not of the format, or too many of its records are bad.</exception>
    public static DocumentSet Read(
        DataOptions options, ITokenizer? tokenizer, int vocabularySize, IProgress<DataProgress>? progress = null, int mostHeld = MostHeld)
    {
        var date = options.NoonOfDate;
        DataOptions[] sets = options.Sets.Count == 0 ? [options] : [.. options.Sets.Select(set => options with
        {
            Path = set.Path,
            Format = set.Format == DataFormat.Auto ? options.Format : set.Format,
            SplitName = set.Split ?? options.SplitName,
            MaxSamples = set.MaxSamples ?? options.MaxSamples,
            Sets = [],
        })];
        var found = Array.ConvertAll(sets, DataFiles.Find);
        var (tokens, notes, problem) = new TokenMaker(sets, [.. found.Select(one => one.Files)], tokenizer, vocabularySize, date, progress, mostHeld).Make(options.CacheFolder);

        var isAll = options.Sets.Count == 0 && options.HeldOutShare == 0;
        List<int> training = [], heldOut = [];
        var notices = new List<string>();
        for (int i = 0, first = 0; i < sets.Length; first += notes.Sets[i++].Documents)
        {
            notices.AddRange(new[] { found[i].Notice, notes.Sets[i].Bad }.OfType<string>());
            if (isAll) continue;
            var shares = DocumentShares.Of(notes.Sets[i].Documents, sets[i], options.Sets.Count == 0 ? 1 : options.Sets[i].Weight);
            training.AddRange(shares.Training.Select(number => first + number));
            heldOut.AddRange(shares.HeldOut.Select(number => first + number));
        }

        if (problem is not null) notices.Add(problem);
        return new DocumentSet(
            isAll ? tokens : new ChosenDocuments(tokens, [.. training]), new ChosenDocuments(tokens, [.. heldOut]),
            notes.Sets.Sum(set => set.BadRecords), [.. notices, .. notes.Notices]);
    }
}
