using Horizon.Flow.Text.Tokens;

namespace Horizon.Flow.Text.Data;

/// <summary>Reads one data set into token documents, in the order of the files.</summary>
internal sealed class DocumentReader
{
    private readonly DataOptions _options;
    private readonly DocumentBuilder _builder;
    private readonly ColumnMap _columns;
    private readonly ReadGauge _gauge;
    private readonly IDocumentSink _sink;
    private readonly RecordBuilder<IReadOnlyList<TokenDocument>> _documents;
    private bool _holdsText;
    private int _taken;
    private long _sent;

    private DocumentReader(DataOptions options, DocumentBuilder builder, ReadGauge gauge, IDocumentSink sink, Action isTaken)
    {
        (_options, _builder, _gauge, _sink, _columns) = (options, builder, gauge, sink, new ColumnMap(options.Columns, options.Roles));
        _documents = new RecordBuilder<IReadOnlyList<TokenDocument>>(options.MaxBadShare, Take, isTaken);
    }

    /// <param name="options">The data set.</param>
    /// <param name="files">Its files.</param>
    /// <param name="builder">Makes documents of records.</param>
    /// <param name="gauge">Counts what is read.</param>
    /// <param name="sink">Takes the documents.</param>
    /// <param name="isTaken">Some more are taken.</param>
    /// <exception cref="HorizonException">The data set is empty or not of the format, or too many of its records are bad.</exception>
    public static SetNotes Read(
        DataOptions options, IReadOnlyList<string> files, DocumentBuilder builder, ReadGauge gauge, IDocumentSink sink, Action isTaken)
    {
        var reader = new DocumentReader(options, builder, gauge, sink, isTaken);
        try
        {
            foreach (var file in files.TakeWhile(_ => reader.Left > 0)) reader.ReadFile(file);
            reader._documents.TakeAll();
        }
        finally
        {
            reader._documents.Wait();
        }

        reader._documents.RequireGood();
        if (!reader._holdsText) throw new HorizonException($"{options.Path} holds no text: the data set is empty.");
        return new SetNotes(reader._taken, reader._documents.BadRecords, reader._documents.Bad);
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

        foreach (var records in RecordBuilder<IReadOnlyList<TokenDocument>>.Chunks(RecordReader.Read(file, _gauge).Take(Left)))
        {
            if (format == DataFormat.Auto) format = DataFiles.Detect(records, _columns);
            // What data.columns names are an instruction and its output, whatever other pairs stand beside them.
            if (format == DataFormat.Pairs && _columns.HasPair) format = DataFormat.Alpaca;
            var known = format;
            _documents.Send(records, record => _builder.FromRecord(_columns.Apply(record.Parse()), known));
            _sent += records.Count;
        }
    }

    private void ReadText(string file)
    {
        _documents.TakeAll();
        try
        {
            _holdsText |= _sink.AddText(_builder.FromPieces(RecordReader.ReadPieces(file, _builder.LastCut, _gauge), file)) > 0;
            _documents.TakeBuilt([]);
            _taken++;
            _sent++;
        }
        catch (BadRecordException e)
        {
            _documents.TakeBad(e);
        }
    }

    private void Take(IReadOnlyList<TokenDocument> documents)
    {
        foreach (var document in documents)
        {
            _sink.Add(document);
            _taken++;
            _holdsText |= document.InputIds.Length > 0;
        }
    }
}
