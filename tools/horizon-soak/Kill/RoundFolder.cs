namespace Horizon.Flow.Soak;

/// <summary>A temporary folder for one round.</summary>
internal sealed class RoundFolder : IDisposable
{
    private readonly string _path = Directory.CreateTempSubdirectory("horizon-soak-kill-").FullName;

    public string this[string name] => Path.Combine(_path, name);

    public void Dispose() => Directory.Delete(_path, recursive: true);
}
