namespace Horizon.Flow.Text;

/// <summary>Reads a whole data set into token documents, in the order of the files.</summary>
internal static class DocumentReader
{
    private const int RecordsAtOnce = 512;

    public static List<TokenDocument> Read(DataOptions options, DocumentBuilder builder)
    {
        var documents = new List<TokenDocument>();
        foreach (var file in DataFiles.Find(options.Path))
        {
            var format = options.Format == DataFormat.Auto ? DataFiles.Detect(file) : options.Format;
            if (format == DataFormat.Text && !DataFiles.IsJson(file))
            {
                documents.Add(builder.FromText(RecordReader.ReadText(file), file));
                continue;
            }

            foreach (var records in RecordReader.Read(file).Chunk(RecordsAtOnce)) documents.AddRange(Build(records, format, builder));
        }

        return documents.Exists(d => d.InputIds.Length > 0)
            ? documents
            : throw new HorizonException($"{options.Path} holds no text: the data set is empty.");
    }

    /// <summary>Builds on all processors; of several errors the first record's is the one reported.</summary>
    private static TokenDocument[] Build(DataRecord[] records, DataFormat format, DocumentBuilder builder)
    {
        var documents = new TokenDocument[records.Length];
        var errors = new HorizonException?[records.Length];
        Parallel.For(0, records.Length, i =>
        {
            try
            {
                documents[i] = builder.FromRecord(records[i], format);
            }
            catch (HorizonException e)
            {
                errors[i] = e;
            }
        });
        return Array.Find(errors, e => e is not null) is { } first ? throw first : documents;
    }
}
