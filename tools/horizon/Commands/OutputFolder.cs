using Horizon.Flow.Host.Files;
using Horizon.Flow.Runs.Metrics;
using Horizon.Flow.Runs.Reports;

namespace Horizon.Flow.Cli;

/// <summary>
/// The folder that a run leaves its results in. It is made and tried out before the model is loaded, since that may take minutes; it belongs to
/// one run at a time, and is taken away again when the run ends before anything was put into it.
/// </summary>
public sealed class OutputFolder : IDisposable
{
    private const string LockName = ".lock";
    private const string ModelName = "model";
    private const string CheckpointsName = "checkpoints";

    // What a run writes there.
    private static readonly string[] Entries = [LockName, MetricsWriter.FileName, EventFileWriter.FileName, StageSharesFile.Name, TraceFile.Name, RunFactsFile.Name, ModelName];

    // What the system says of a file that another process has locked: EWOULDBLOCK of Linux, of macOS, and Windows' sharing violation.
    private static readonly int[] Taken = [11, 35, unchecked((int)0x80070020)];

    private readonly string _path;
    private readonly bool _isNew;
    private readonly FileStream _lock;

    private OutputFolder(string path, bool isNew, FileStream @lock)
    {
        _path = path;
        _isNew = isNew;
        _lock = @lock;
    }

    /// <summary>One JSON object a step.</summary>
    public string MetricsPath => Path.Combine(_path, MetricsWriter.FileName);

    /// <summary>The same for TensorBoard.</summary>
    public string EventsPath => Path.Combine(_path, EventFileWriter.FileName);

    /// <summary>The trace of some steps, where one is asked for.</summary>
    public string TracePath => Path.Combine(_path, TraceFile.Name);

    /// <summary>Makes the folder where it is missing, and locks a file there, which a killed run leaves unlocked.</summary>
    /// <exception cref="HorizonException">Nothing can be written there, or another run is at work there.</exception>
    public static OutputFolder Prepare(string path)
    {
        try
        {
            var isNew = !Directory.Exists(path);
            Directory.CreateDirectory(path);
            foreach (var entry in Entries) OutputFile.RefuseLink(Path.Combine(path, entry));
            OutputFile.RefuseLinkToNoFolder(Path.Combine(path, CheckpointsName));
            return new OutputFolder(path, isNew, new FileStream(
                Path.Combine(path, LockName), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0, FileOptions.DeleteOnClose));
        }
        catch (IOException error) when (Taken.Contains(error.HResult))
        {
            throw new HorizonException($"another run is writing into output.directory '{path}'; wait for its end, or name another folder.", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new HorizonException($"output.directory '{path}' cannot be written ({error.Message.TrimEnd('.')}); name another folder.", error);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _lock.Dispose();
        if (_isNew && Directory.Exists(_path) && !Directory.EnumerateFileSystemEntries(_path).Any())
            Directory.Delete(_path);
    }
}
