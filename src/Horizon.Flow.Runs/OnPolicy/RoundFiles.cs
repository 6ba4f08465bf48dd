using System.Globalization;
using Horizon.Flow.Alignment.Policies;
using Horizon.Flow.Runs.Blueprint;
using Horizon.Flow.Runs.Sections;

namespace Horizon.Flow.Runs.OnPolicy;

/// <summary>
/// The answers of each round in a folder of the run, from the time that they are graded until no checkpoint needs them any more, so that a run that dies goes on with the same ones.
/// </summary>
/// <param name="configuration">The run.</param>
internal sealed class RoundFiles(RunConfiguration configuration)
{
    private const string Extension = ".jsonl";
    private const string Prefix = "round-";

    private readonly string _folder = Path.Combine(configuration.Output.Directory!, "rollouts");
    private readonly int _everySteps = configuration.Rollouts.EverySteps;

    /// <summary>Forgets what a run does not go on from: all of a new run's, and for one that goes on the rounds after the one in hand, whose answers other weights may have given.</summary>
    /// <param name="keep">The round that the next step lies in; null for a new run.</param>
    /// <exception cref="HorizonException">The folder cannot be changed.</exception>
    public void Clear(long? keep) => Guard(() =>
    {
        foreach (var (path, round) in All())
            if (keep is null || round > keep) File.Delete(path);
    });

    /// <summary>What was drawn for a round; null where nothing is there.</summary>
    /// <param name="round">From 0.</param>
    /// <param name="count">As many answers as it has.</param>
    /// <exception cref="HorizonException">The file is damaged or another run's.</exception>
    public IReadOnlyList<GradedRollout>? Find(long round, int count)
    {
        var path = PathOf(round);
        if (!File.Exists(path)) return null;
        var found = RolloutFile.Load(path);
        return found.Count == count ? found : throw new HorizonException($"{path} has {found.Count} answers, not the {count} of a round; remove the file to draw answers anew");
    }

    /// <summary>Keeps a round, and lets go of those that no checkpoint goes on with.</summary>
    /// <exception cref="HorizonException">It cannot be written.</exception>
    public void Save(long round, IReadOnlyList<GradedRollout> rollouts) => Guard(() =>
    {
        Directory.CreateDirectory(_folder);
        RolloutFile.Save(PathOf(round), rollouts);
        var oldest = RunBlueprint.CheckpointsOf(configuration).Steps is [.., var step] ? Math.Min(step / _everySteps, round) : round;
        foreach (var (path, other) in All())
            if (other < oldest) File.Delete(path);
    });

    private IEnumerable<(string Path, long Round)> All() => !Directory.Exists(_folder) ? [] : Directory.GetFiles(_folder, $"{Prefix}*{Extension}")
        .Select(path => (path, long.TryParse(Path.GetFileNameWithoutExtension(path)[Prefix.Length..], NumberStyles.None, CultureInfo.InvariantCulture, out var round) ? round : -1))
        .Where(file => file.Item2 >= 0);

    private string PathOf(long round) => Path.Combine(_folder, string.Create(CultureInfo.InvariantCulture, $"{Prefix}{round}{Extension}"));

    private void Guard(Action body)
    {
        try
        {
            body();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new HorizonException($"the answers of a round cannot be kept in {_folder}: {error.Message.TrimEnd('.')}; free space there or choose another output.directory", error);
        }
    }
}
