using System.Globalization;
using System.Text;
using CsvHelper;
using CsvHelper.Configuration;

namespace Horizon.Flow.Text.Data;

/// <summary>Reads CSV and TSV: the first line names the columns, each further one is a record of strings.</summary>
internal static class CsvRecords
{
    /// <summary>Stands for bytes that are not UTF-8: a noncharacter, which no text has.</summary>
    private const char NotText = '\uFFFF';

    private static readonly Encoding Marking = Encoding.GetEncoding("utf-8", EncoderFallback.ExceptionFallback, new DecoderReplacementFallback(NotText.ToString()));

    public static IEnumerable<RawRecord> Read(string file, ReadGauge? gauge = null)
    {
        var configuration = new CsvConfiguration(CultureInfo.InvariantCulture)
        {
            Delimiter = FileKind.Of(file) == FileKind.Tsv ? "\t" : ",",
            MaxFieldSize = LineReader.Longest,
        };
        using var parser = new CsvParser(new StreamReader(DataStream.OpenText(file, gauge), Marking), configuration);
        string[]? names = null;
        for (var number = 1; Next(parser, file) is { } cells; number++)
        {
            if (names is null)
            {
                names = Array.TrueForAll(cells, IsText) ? cells : throw new HorizonException($"{file}: the names of the columns are not UTF-8; convert the file.");
                if (names.Distinct(StringComparer.Ordinal).Count() != names.Length)
                    throw new HorizonException($"{file}: two columns have the same name: the first line must name the columns ({ShownNames.Show(names)}).");
                continue;
            }

            var where = $"{file}, record {number - 1}";
            if (!Array.TrueForAll(cells, IsText))
            {
                yield return new RawRecord(null, default, where) { Fault = "this is not UTF-8; convert the file." };
                continue;
            }

            if (cells.Length != names.Length)
            {
                yield return new RawRecord(null, default, where)
                {
                    Fault = $"there are {cells.Length} cells for {names.Length} columns; put quotes around cells that hold a separator, a quote or a line break, "
                        + "and double the quotes in them.",
                };
                continue;
            }

            var columns = names;
            yield return new RawRecord(JsonRecord.Write(writer =>
            {
                for (var i = 0; i < cells.Length; i++) writer.WriteString(columns[i], cells[i]);
            }), default, where);
        }
    }

    private static bool IsText(string cell) => !cell.Contains(NotText, StringComparison.Ordinal);

    private static string[]? Next(CsvParser parser, string file)
    {
        try
        {
            return parser.Read() ? parser.Record : null;
        }
        catch (Exception e) when (DataStream.IsFault(e))
        {
            throw new HorizonException($"{file}, line {parser.RawRow}, cannot be read: {DataStream.Describe(e)}", e);
        }
        catch (CsvHelperException e)
        {
            var why = e is MaxFieldSizeException
                ? $"a cell has more than {LineReader.Longest:N0} characters, as where a quote is never closed"
                : "a quote stands inside a cell or is never closed";
            throw new HorizonException(
                $"{file}, line {parser.RawRow}: this is not valid {FileKind.Of(file)!.Name}, {why}: put quotes around the whole cell and double those in it.", e);
        }
    }
}
