namespace Horizon.Flow.Cli.Tests.Runs;

/// <summary>A test that needs a launcher of MPI; skipped, with the reason, where it is not installed.</summary>
public sealed class MpiFactAttribute : FactAttribute
{
    public MpiFactAttribute(string launcher)
    {
        if (Find(launcher) is null) Skip = $"{launcher} is not installed (apt-get install openmpi-bin mpich)";
    }

    public static string? Find(string launcher) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Select(folder => Path.Combine(folder, launcher)).FirstOrDefault(File.Exists);
}
