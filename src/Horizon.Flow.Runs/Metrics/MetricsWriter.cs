using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Horizon.Flow.Accounting;
using Horizon.Flow.Host.Files;

namespace Horizon.Flow.Runs.Metrics;

/// <summary>
/// Writes <c>metrics.jsonl</c>: one JSON object a step, one an evaluation, and one a notice. Every line is handed to the system as a whole when it is
/// written, so that a run can be watched and a killed one leaves at most its last line cut. Not safe for use by several threads at once.
/// </summary>
public sealed class MetricsWriter : IDisposable
{
    /// <summary>The name of the file in a run's output folder.</summary>
    public const string FileName = "metrics.jsonl";

    private const int MaxLine = 4096;
    private const int MaxNotice = 500; // six bytes each at most, and so below the longest line
    private readonly FileStream _file;

    private MetricsWriter(FileStream file) => _file = file;

    /// <summary>Starts a file anew, in a folder that exists.</summary>
    /// <exception cref="HorizonException">The file cannot be written.</exception>
    public static MetricsWriter Create(string path) => Guard(path, () => new MetricsWriter(Open(path, FileMode.Create)));

    /// <summary>
    /// Goes on with the file of an interrupted run. What the resumed run will do again is removed first: lines of steps after
    /// <paramref name="lastStep"/>, the evaluation after that step, and a line that was cut off.
    /// </summary>
    /// <exception cref="HorizonException">The file cannot be read or written.</exception>
    public static MetricsWriter Resume(string path, long lastStep) => Guard(path, () =>
    {
        var file = Open(path, FileMode.OpenOrCreate);
        try
        {
            file.SetLength(LengthThrough(file, lastStep));
            file.Seek(0, SeekOrigin.End);
            return new MetricsWriter(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    });

    /// <summary>Writes a step's line.</summary>
    /// <param name="report">The step.</param>
    /// <param name="metrics">What the objective measured, by name; null for nothing.</param>
    /// <exception cref="HorizonException">The disk is full, or the like.</exception>
    public void Write(StepReport report, IReadOnlyDictionary<string, double>? metrics = null)
    {
        ArgumentNullException.ThrowIfNull(report);
        var line = new StepLine(
            report.Step, Finite(report.Loss), Finite(report.GradientNorm), Finite(report.LearningRate), report.Tokens, report.Elapsed.TotalSeconds,
            Finite(report.TokensPerSecond), report.DeviceBytesPeak, report.HostBytes)
        { Skipped = report.Skipped, SkipReason = report.SkipReason, LossSpike = report.LossSpike is { } spike ? Finite(spike) : null, Metrics = Numbers(metrics) };
        Write(line, MetricsJson.Default.StepLine);
    }

    /// <summary>Writes the line of an evaluation done after <paramref name="step"/>.</summary>
    /// <param name="step">The last step before the evaluation.</param>
    /// <param name="loss">The mean loss over the held-out tokens, in nats, or over what the objective counts.</param>
    /// <param name="metrics">What the objective measured, by name; null for nothing.</param>
    /// <exception cref="HorizonException">The disk is full, or the like.</exception>
    public void WriteEvaluation(long step, double loss, IReadOnlyDictionary<string, double>? metrics = null) =>
        Write(new EvaluationLine(step, Finite(loss)) { Metrics = Numbers(metrics, "eval_") }, MetricsJson.Default.EvaluationLine);

    /// <summary>Writes the line of something else that befell the run.</summary>
    /// <param name="step">The last step before it; 0 before the first.</param>
    /// <param name="notice">One sentence; the end of an endless one is left out.</param>
    /// <exception cref="HorizonException">The disk is full, or the like.</exception>
    public void WriteNotice(long step, string notice)
    {
        ArgumentNullException.ThrowIfNull(notice);
        Write(new NoticeLine(step, notice[..Math.Min(notice.Length, MaxNotice)]), MetricsJson.Default.NoticeLine);
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private void Write<T>(T line, JsonTypeInfo<T> type) => Guard(_file.Name, () =>
    {
        // One write a line: without a buffer in between it is the system's at once.
        _file.Write([.. JsonSerializer.SerializeToUtf8Bytes(line, type), (byte)'\n']);
        return true;
    });

    private static FileStream Open(string path, FileMode mode)
    {
        OutputFile.Claim(path);
        return new(path, mode, mode == FileMode.Create ? FileAccess.Write : FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
    }

    private static Dictionary<string, JsonElement>? Numbers(IReadOnlyDictionary<string, double>? metrics, string prefix = "") => metrics is not { Count: > 0 } ? null
        : metrics.ToDictionary(metric => prefix + metric.Key, metric => JsonSerializer.SerializeToElement(Finite(metric.Value), MetricsJson.Default.NullableDouble));

    private static double? Finite(double number) => double.IsFinite(number) ? number : null;

    // The bytes up to the end of the last whole line before the first one that must go. Lines are short; the file may be long.
    private static long LengthThrough(FileStream file, long lastStep)
    {
        var reader = new BufferedStream(file);
        var line = new List<byte>();
        long kept = 0;
        for (int next; (next = reader.ReadByte()) >= 0;)
        {
            line.Add((byte)next);
            if (line.Count > MaxLine)
                return kept;
            if (next != '\n')
                continue;
            if (!IsBefore(line, lastStep))
                return kept;
            kept += line.Count;
            line.Clear();
        }
        return kept;
    }

    private static bool IsBefore(List<byte> text, long lastStep)
    {
        try
        {
            var line = JsonSerializer.Deserialize(text.ToArray(), MetricsJson.Default.AnyLine);
            return line?.Step < lastStep || (line?.Step == lastStep && line.EvalLoss.ValueKind == JsonValueKind.Undefined);
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static T Guard<T>(string path, Func<T> work)
    {
        try
        {
            return work();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new HorizonException($"The metrics file {path} cannot be written: {error.Message}", error);
        }
    }
}
