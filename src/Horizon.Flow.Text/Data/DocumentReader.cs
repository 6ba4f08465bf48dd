using System.Globalization;
using System.Runtime.InteropServices;
using Horizon.Flow.Text.Tokens;

namespace Horizon.Flow.Text.Data;

/// <summary>
/// Reads one data set into token documents, in the order of the files: records are read in chunks, several of which are built at a time, and what
/// they become is taken in order. What is in hand is bounded, however long the files are.
/// </summary>
internal sealed class DocumentReader
{
    private const int RecordsAtOnce = 512;
    private const int CharactersAtOnce = 1 << 18;

    /// <summary>Bad records beyond the share that is allowed, from which on the rest is not read: it would only take longer to refuse.</summary>
    private const int Patience = 100;

    private readonly DataOptions _options;
    private readonly DocumentBuilder _builder;
    private readonly ColumnMap _columns;
    private readonly ReadGauge _gauge;
    private readonly Action<TokenDocument> _take;
    private readonly Action _isTaken;
    private readonly Queue<(Task<Built> Work, long Characters)> _ahead = new();
    private readonly int _chunksAhead = Environment.ProcessorCount * 2;
    private long _charactersAhead;
    private BadRecordException? _firstBad;
    private bool _holdsText;
    private int _documents;
    private long _records;
    private int _badRecords;
    private long _sent;

    private DocumentReader(DataOptions options, DocumentBuilder builder, ReadGauge gauge, Action<TokenDocument> take, Action isTaken) =>
        (_options, _builder, _gauge, _take, _isTaken, _columns) = (options, builder, gauge, take, isTaken, new ColumnMap(options.Columns, options.Roles));

    /// <param name="options">The data set.</param>
    /// <param name="files">Its files.</param>
    /// <param name="builder">Makes documents of records.</param>
    /// <param name="gauge">Counts what is read.</param>
    /// <param name="take">Takes the documents, in order.</param>
    /// <param name="isTaken">Some more are taken.</param>
    /// <exception cref="HorizonException">The data set is empty or not of the format, or too many of its records are bad.</exception>
    public static SetNotes Read(
        DataOptions options, IReadOnlyList<string> files, DocumentBuilder builder, ReadGauge gauge, Action<TokenDocument> take, Action isTaken)
    {
        var reader = new DocumentReader(options, builder, gauge, take, isTaken);
        try
        {
            foreach (var file in files.TakeWhile(_ => reader.Left > 0)) reader.ReadFile(file);
            while (reader._ahead.Count > 0) reader.TakeNext();
        }
        finally
        {
            // Nothing goes on behind the back of who reads the error.
            Task.WaitAll([.. reader._ahead.Select(chunk => (Task)chunk.Work)]);
        }

        reader.CheckBad(patience: 0);
        if (!reader._holdsText) throw new HorizonException($"{options.Path} holds no text: the data set is empty.");
        return new SetNotes(reader._documents, reader._badRecords, reader.DescribeBad());
    }

    private int Left => _options.MaxSamples is { } most ? (int)Math.Max(0, most - _sent) : int.MaxValue;

    private void ReadFile(string file)
    {
        var format = _options.Format;
        if (format == DataFormat.Auto) DataFiles.RequireKnown(file);
        if (format is DataFormat.Auto or DataFormat.Text && !DataFiles.HoldsRecords(file))
        {
            ReadText(file);
            return;
        }

        foreach (var records in Chunks(RecordReader.Read(file, _gauge).Take(Left)))
        {
            if (format == DataFormat.Auto) format = DataFiles.Detect(records, _columns);
            // What data.columns names are an instruction and its output, whatever other pairs stand beside them.
            if (format == DataFormat.Pairs && _columns.HasPair) format = DataFormat.Alpaca;
            Send(records, format);
        }
    }

    private static IEnumerable<List<RawRecord>> Chunks(IEnumerable<RawRecord> records)
    {
        var (chunk, characters) = (new List<RawRecord>(), 0L);
        foreach (var record in records)
        {
            chunk.Add(record);
            characters += Characters(record);
            if (chunk.Count < RecordsAtOnce && characters < CharactersAtOnce) continue;
            yield return chunk;
            (chunk, characters) = ([], 0);
        }

        if (chunk.Count > 0) yield return chunk;
    }

    private static long Characters(RawRecord record) =>
        record.Line?.Length ?? (record.Element.ValueKind == System.Text.Json.JsonValueKind.Undefined ? 0 : JsonMarshal.GetRawUtf8Value(record.Element).Length);

    /// <summary>Begins to build a chunk, once there is room for it.</summary>
    private void Send(List<RawRecord> records, DataFormat format)
    {
        var characters = records.Sum(Characters);
        while (_ahead.Count > 0 && (_ahead.Count >= _chunksAhead || _charactersAhead + characters > (long)_chunksAhead * CharactersAtOnce)) TakeNext();
        _charactersAhead += characters;
        _sent += records.Count;
        _ahead.Enqueue((Task.Run(() => Build(records, format)), characters));
    }

    private Built Build(List<RawRecord> records, DataFormat format)
    {
        var built = new Built(records.Count, [], []);
        foreach (var record in records)
        {
            try
            {
                built.Documents.Add(_builder.FromRecord(_columns.Apply(record.Parse()), format));
            }
            catch (Exception e) when (e is BadRecordException or HorizonException)
            {
                built.Errors.Add(e);
                if (e is HorizonException) break;
            }
        }

        return built;
    }

    /// <summary>Takes the chunk that was sent first; of several errors the first record's is the one reported.</summary>
    private void TakeNext()
    {
        var (work, characters) = _ahead.Peek();
        var built = work.GetAwaiter().GetResult();
        _ahead.Dequeue();
        _charactersAhead -= characters;
        if (built.Errors.Find(e => e is HorizonException) is HorizonException fatal) throw new HorizonException(fatal.Message, fatal);
        _records += built.Records;
        _badRecords += built.Errors.Count;
        _firstBad ??= (BadRecordException?)built.Errors.FirstOrDefault();
        foreach (var document in built.Documents) Take(document);
        _isTaken();
        CheckBad(Patience);
    }

    private void ReadText(string file)
    {
        while (_ahead.Count > 0) TakeNext();
        try
        {
            Take(_builder.FromText(RecordReader.ReadText(file, _gauge), file));
            _isTaken();
            _records++;
            _sent++;
        }
        catch (BadRecordException e)
        {
            throw e.ToError();
        }
    }

    private void Take(TokenDocument document)
    {
        _take(document);
        _documents++;
        _holdsText |= document.InputIds.Length > 0;
    }

    private void CheckBad(int patience)
    {
        if (_firstBad is null || _badRecords <= patience + (_options.MaxBadShare * _records)) return;
        throw _badRecords == 1 && _records == 1 ? _firstBad.ToError() : new HorizonException(string.Create(
            CultureInfo.InvariantCulture,
            $"{_firstBad.Message.TrimEnd('.')} ({_badRecords:N0} of {_records:N0} records read are bad, more than data.max_bad_share allows, which is {_options.MaxBadShare})."),
            _firstBad);
    }

    private string? DescribeBad() => _firstBad is null
        ? null
        : string.Create(CultureInfo.InvariantCulture, $"{_badRecords:N0} of {_records:N0} records are bad and left out; the first: {_firstBad.Message}");

    /// <summary>What a chunk of records became.</summary>
    private sealed record Built(int Records, List<TokenDocument> Documents, List<Exception> Errors);
}
