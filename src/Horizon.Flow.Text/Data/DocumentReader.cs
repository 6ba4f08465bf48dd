using System.Globalization;

namespace Horizon.Flow.Text;

/// <summary>Reads a whole data set into token documents, in the order of the files.</summary>
internal sealed class DocumentReader
{
    private const int RecordsAtOnce = 512;

    /// <summary>Bad records beyond the share that is allowed, from which on the rest is not read: it would only take longer to refuse.</summary>
    private const int Patience = 100;

    private readonly DataOptions _options;
    private readonly DocumentBuilder _builder;
    private readonly List<TokenDocument> _documents = [];
    private BadRecordException? _firstBad;
    private long _records;

    private DocumentReader(DataOptions options, DocumentBuilder builder) => (_options, _builder) = (options, builder);

    /// <exception cref="HorizonException">The data set is missing, empty or not of the format, or too many of its records are bad.</exception>
    public static DocumentSet Read(DataOptions options, ITokenizer? tokenizer, int vocabularySize)
    {
        var tally = new DataTally();
        var reader = new DocumentReader(options, new DocumentBuilder(tokenizer, vocabularySize, options.TrainOnPrompt, tally));
        var (files, notice) = DataFiles.Find(options);
        foreach (var file in files) reader.ReadFile(file);
        reader.CheckBad(patience: 0);
        if (!reader._documents.Exists(d => d.InputIds.Length > 0)) throw new HorizonException($"{options.Path} holds no text: the data set is empty.");
        var notices = new[] { notice }.OfType<string>().Concat(reader.DescribeBad()).Concat(tally.Notices(tokenizer));
        return new DocumentSet(reader._documents, reader.BadRecords, [.. notices]);
    }

    private int BadRecords { get; set; }

    private void ReadFile(string file)
    {
        var format = _options.Format == DataFormat.Auto ? DataFiles.Detect(file) : _options.Format;
        if (format == DataFormat.Text && !DataFiles.IsJson(file))
        {
            ReadText(file);
            return;
        }

        foreach (var records in RecordReader.Read(file).Chunk(RecordsAtOnce))
        {
            Build(records, format);
            CheckBad(Patience);
        }
    }

    private void ReadText(string file)
    {
        try
        {
            _documents.Add(_builder.FromText(RecordReader.ReadText(file), file));
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
                documents[i] = _builder.FromRecord(records[i].Parse(), format);
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
