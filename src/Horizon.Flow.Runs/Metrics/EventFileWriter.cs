using Horizon.Flow.Accounting;
using Horizon.Flow.Host.Files;

namespace Horizon.Flow.Runs.Metrics;

/// <summary>
/// Writes what <see cref="MetricsWriter"/> writes, but for notices, as an event file for TensorBoard: <c>tensorboard --logdir output</c>. Each record is
/// handed to the system as a whole. Not safe for use by several threads at once.
/// </summary>
public sealed class EventFileWriter : IDisposable
{
    /// <summary>The name of the file in a run's output folder; TensorBoard knows such files by "tfevents".</summary>
    public const string FileName = "events.out.tfevents.horizon";

    private const int LongestEvent = 1 << 16;
    private readonly FileStream _file;
    private readonly TimeProvider _time;

    private EventFileWriter(FileStream file, TimeProvider time) => (_file, _time) = (file, time);

    /// <summary>Starts a file anew, in a folder that exists.</summary>
    /// <exception cref="HorizonException">The file cannot be written.</exception>
    public static EventFileWriter Create(string path, TimeProvider? time = null) => Guard(path, () =>
    {
        var writer = new EventFileWriter(Open(path, FileMode.Create), time ?? TimeProvider.System);
        writer.Append(EventMessage.FileVersion(writer.Now));
        return writer;
    });

    /// <summary>Goes on with the file of an interrupted run: a record that was cut off is removed, and TensorBoard forgets the steps after <paramref name="lastStep"/>.</summary>
    /// <exception cref="HorizonException">The file cannot be read or written.</exception>
    public static EventFileWriter Resume(string path, long lastStep, TimeProvider? time = null) => Guard(path, () =>
    {
        var file = Open(path, FileMode.OpenOrCreate);
        try
        {
            file.SetLength(RecordFrame.WholeLength(file, LongestEvent));
            file.Seek(0, SeekOrigin.End);
            var writer = new EventFileWriter(file, time ?? TimeProvider.System);
            if (file.Length == 0) writer.Append(EventMessage.FileVersion(writer.Now));
            writer.Append(EventMessage.Restart(writer.Now, lastStep + 1));
            return writer;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    });

    private double Now => (_time.GetUtcNow() - DateTimeOffset.UnixEpoch).TotalSeconds;

    /// <summary>Writes a step's numbers.</summary>
    /// <exception cref="HorizonException">The disk is full, or the like.</exception>
    public void Write(StepReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        Write(report.Step,
        [
            ("train/loss", report.Loss),
            ("train/grad_norm", report.GradientNorm),
            ("train/learning_rate", report.LearningRate),
            ("train/skipped", report.Skipped ? 1 : 0),
            ("speed/tokens_per_second", report.TokensPerSecond),
            ("speed/step_seconds", report.Elapsed.TotalSeconds),
            ("memory/device_bytes_peak", report.DeviceBytesPeak),
            ("memory/host_bytes", report.HostBytes),
        ]);
    }

    /// <summary>Writes the mean loss over the held-out tokens, in nats, after <paramref name="step"/>.</summary>
    /// <exception cref="HorizonException">The disk is full, or the like.</exception>
    public void WriteEvaluation(long step, double loss) => Write(step, [("eval/loss", loss)]);

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private void Write(long step, IReadOnlyList<(string Tag, double Value)> scalars) => Guard(_file.Name, () =>
    {
        Append(EventMessage.Scalars(Now, step, scalars));
        return true;
    });

    private void Append(byte[] message) => _file.Write(RecordFrame.Of(message));

    private static FileStream Open(string path, FileMode mode)
    {
        OutputFile.Claim(path);
        return new(path, mode, mode == FileMode.Create ? FileAccess.Write : FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
    }

    private static T Guard<T>(string path, Func<T> work)
    {
        try
        {
            return work();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new HorizonException($"The event file {path} cannot be written: {error.Message}", error);
        }
    }
}
