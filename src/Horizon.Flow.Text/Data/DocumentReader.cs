using System.Globalization;
using Horizon.Flow.Text.Tokenizers;

namespace Horizon.Flow.Text.Data;

/// <summary>Reads a whole data set into token documents, in the order of the files.</summary>
internal sealed class DocumentReader
{
    private const int RecordsAtOnce = 512;

    /// <summary>Bad records beyond the share that is allowed, from which on the rest is not read: it would only take longer to refuse.</summary>
    private const int Patience = 100;

    private readonly DataOptions _options;
    private readonly DocumentBuilder _builder;
    private readonly ColumnMap _columns;
    private readonly List<TokenDocument> _documents = [];
    private BadRecordException? _firstBad;
    private long _records;

    private DocumentReader(DataOptions options, DocumentBuilder builder) => (_options, _builder, _columns) = (options, builder, new ColumnMap(options.Columns, options.Roles));

    /// <exception cref="HorizonException">The data set is missing, empty or not of the format, or too many of its records are bad.</exception>
    public static DocumentSet Read(DataOptions options, ITokenizer? tokenizer, int vocabularySize)
    {
        var tally = new DataTally();
        var date = options.Date?.ToDateTime(new TimeOnly(12, 0)) ?? TimeProvider.System.GetLocalNow().DateTime;
        var builder = new DocumentBuilder(tokenizer, vocabularySize, options.TrainOnPrompt ? TrainOn.All : options.TrainOn, date, tally);
        List<TokenDocument> documents = [], heldOut = [];
        var notices = new List<string>();
        var bad = 0;
        DataOptions[] sets = options.Sets.Count == 0 ? [options] : [.. options.Sets.Select(set => options with
        {
            Path = set.Path,
            Format = set.Format == DataFormat.Auto ? options.Format : set.Format,
            SplitName = set.Split ?? options.SplitName,
            MaxSamples = set.MaxSamples ?? options.MaxSamples,
            Sets = [],
        })];
        for (var i = 0; i < sets.Length; i++)
        {
            var reader = new DocumentReader(sets[i], builder);
            var (files, notice) = DataFiles.Find(sets[i]);
            foreach (var file in files.TakeWhile(_ => !reader.IsFull)) reader.ReadFile(file);
            reader.CheckBad(patience: 0);
            if (!reader._documents.Exists(d => d.InputIds.Length > 0)) throw new HorizonException($"{sets[i].Path} holds no text: the data set is empty.");
            bad += reader.BadRecords;
            notices.AddRange(new[] { notice }.OfType<string>().Concat(reader.DescribeBad()));
            var shares = DocumentShares.Of(reader._documents, sets[i], options.Sets.Count == 0 ? 1 : options.Sets[i].Weight);
            documents.AddRange(shares.Training);
            heldOut.AddRange(shares.HeldOut);
        }

        var writesDate = options.Date is null && tally.HasTemplates && tokenizer?.ChatTemplate?.Mentions("strftime_now") == true;
        if (writesDate) notices.Add($"the chat template writes today's date, {date:yyyy-MM-dd}: set data.date for the same tokens on any day.");
        return new DocumentSet(documents, heldOut, bad, [.. notices, .. tally.Notices(tokenizer)]);
    }

    private bool IsFull => Left == 0;

    private int Left => _options.MaxSamples is { } most ? (int)Math.Max(0, most - _records) : int.MaxValue;

    private int BadRecords { get; set; }

    private void ReadFile(string file)
    {
        var format = _options.Format;
        if (format == DataFormat.Auto) DataFiles.RequireKnown(file);
        if (format is DataFormat.Auto or DataFormat.Text && !DataFiles.HoldsRecords(file))
        {
            ReadText(file);
            return;
        }

        foreach (var records in RecordReader.Read(file).Take(Left).Chunk(RecordsAtOnce))
        {
            if (format == DataFormat.Auto) format = DataFiles.Detect(records, _columns);
            // What data.columns names are an instruction and its output, whatever other pairs stand beside them.
            if (format == DataFormat.Pairs && _columns.HasPair) format = DataFormat.Alpaca;
            Build(records, format);
            CheckBad(Patience);
        }
    }

    private void ReadText(string file)
    {
        try
        {
            _documents.Add(_builder.FromText(RecordReader.ReadText(file), file));
            _records++;
        }
        catch (BadRecordException e)
        {
            throw e.ToError();
        }
    }

    /// <summary>Builds on all processors; of several errors the first record's is the one reported.</summary>
    private void Build(RawRecord[] records, DataFormat format)
    {
        var documents = new TokenDocument?[records.Length];
        var errors = new Exception?[records.Length];
        Parallel.For(0, records.Length, i =>
        {
            try
            {
                documents[i] = _builder.FromRecord(_columns.Apply(records[i].Parse()), format);
            }
            catch (Exception e) when (e is BadRecordException or HorizonException)
            {
                errors[i] = e;
            }
        });
        if (Array.Find(errors, e => e is HorizonException) is HorizonException fatal) throw new HorizonException(fatal.Message, fatal);
        _records += records.Length;
        BadRecords += errors.Count(e => e is not null);
        _firstBad ??= (BadRecordException?)Array.Find(errors, e => e is not null);
        _documents.AddRange(documents.OfType<TokenDocument>());
    }

    private void CheckBad(int patience)
    {
        if (_firstBad is null || BadRecords <= patience + (_options.MaxBadShare * _records)) return;
        throw BadRecords == 1 && _records == 1 ? _firstBad.ToError() : new HorizonException(string.Create(
            CultureInfo.InvariantCulture,
            $"{_firstBad.Message.TrimEnd('.')} ({BadRecords:N0} of {_records:N0} records read are bad, more than data.max_bad_share allows, which is {_options.MaxBadShare})."),
            _firstBad);
    }

    private IEnumerable<string> DescribeBad()
    {
        if (_firstBad is not null)
            yield return string.Create(CultureInfo.InvariantCulture, $"{BadRecords:N0} of {_records:N0} records are bad and left out; the first: {_firstBad.Message}");
    }
}
