namespace Horizon.Flow.Cli;

/// <summary>
/// The folder that a run leaves its results in. It is made and tried out before the model is loaded, since that may take minutes, and
/// taken away again when the run ends before anything was put into it.
/// </summary>
public sealed class OutputFolder : IDisposable
{
    private readonly string _path;
    private readonly bool _isNew;

    private OutputFolder(string path, bool isNew)
    {
        _path = path;
        _isNew = isNew;
    }

    /// <summary>One JSON object a step.</summary>
    public string MetricsPath => Path.Combine(_path, "metrics.jsonl");

    /// <summary>Makes the folder where it is missing, and writes a file there to see that it can.</summary>
    /// <exception cref="HorizonException">Nothing can be written there.</exception>
    public static OutputFolder Prepare(string path)
    {
        try
        {
            var isNew = !Directory.Exists(path);
            Directory.CreateDirectory(path);
            using (File.Create(Path.Combine(path, $".{Guid.NewGuid():N}"), 1, FileOptions.DeleteOnClose))
                return new OutputFolder(path, isNew);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new HorizonException($"output.directory '{path}' cannot be written ({error.Message.TrimEnd('.')}); name another folder.", error);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_isNew && Directory.Exists(_path) && !Directory.EnumerateFileSystemEntries(_path).Any())
            Directory.Delete(_path);
    }
}
