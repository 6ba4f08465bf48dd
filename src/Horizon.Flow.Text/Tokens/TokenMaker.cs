using Horizon.Flow.Host.Files;
using Horizon.Flow.Text.Data;
using Horizon.Flow.Text.Tokenizers;

namespace Horizon.Flow.Text.Tokens;

/// <summary>Makes the tokens of data sets, or finds those that were kept.</summary>
internal sealed class TokenMaker(
    IReadOnlyList<DataOptions> sets, IReadOnlyList<IReadOnlyList<string>> files, ITokenizer? tokenizer, int vocabularySize, DateTime date,
    IProgress<DataProgress>? progress, int mostHeld)
{
    /// <summary>The documents of all sets, what was found with them, and why they could not be kept.</summary>
    /// <param name="cacheFolder">Where tokens are kept; null keeps none.</param>
    public (DocumentTable Documents, TokenNotes Notes, string? Problem) Make(string? cacheFolder)
    {
        List<ContentHash>[] hashes = cacheFolder is null ? [] : [.. files.Select(set => set.Select(ContentHash.Of).ToList())];
        var key = cacheFolder is null ? null : CacheKey.Of(sets, hashes, tokenizer, vocabularySize, date);
        var cache = new TokenCache(key is null ? null : cacheFolder, key ?? "");
        if (cache.TryOpen() is var (kept, text)) return (kept, TokenNotes.Read(text), null);

        using var writer = new TokenWriter(vocabularySize, cache.Create, mostHeld);
        try
        {
            var notes = Write(writer);
            foreach (var hash in hashes.SelectMany(set => set)) hash.RequireUnchanged();
            if (writer.File is null) return (writer.ToHeld(), notes, null);
            var documents = writer.Finish(notes.Write());
            cache.Keep(writer.File);
            return (documents, notes, cache.Problem);
        }
        catch (IOException error)
        {
            TokenCache.Abandon(writer.File);
            throw new HorizonException(
                $"the tokens of the data cannot be written to {writer.File?.Name ?? Path.GetTempPath()}: {error.Message.TrimEnd('.')}; make room there, or set data.cache to a folder with more (TMPDIR where it is false).", error);
        }
        catch
        {
            TokenCache.Abandon(writer.File);
            throw;
        }
    }

    private TokenNotes Write(TokenWriter writer)
    {
        var tally = new DataTally();
        var builder = new DocumentBuilder(tokenizer, vocabularySize, sets[0].TrainOnPrompt ? TrainOn.All : sets[0].TrainOn, date, tally);
        var gauge = new ReadGauge();
        var total = files.SelectMany(set => set).Sum(UntrustedFile.Length);
        List<SetNotes> notes = [.. sets.Select((set, i) => DocumentReader.Read(set, files[i], builder, gauge, writer, Report))];
        return new TokenNotes(notes, [.. tally.Notices(tokenizer, sets[0].Date is null ? date : null)]);

        void Report() => progress?.Report(new DataProgress(gauge.Bytes, total, writer.Count, writer.Tokens));
    }
}
