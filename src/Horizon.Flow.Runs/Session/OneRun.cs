using Horizon.Flow.Distributed;
using Horizon.Flow.Runs.Blueprint;
using Horizon.Flow.Runs.Data;
using Horizon.Flow.Runs.Loading;

namespace Horizon.Flow.Runs.Session;

/// <summary>Makes sure, before ranks begin, that theirs is one run: machines may have files of their own where they should have the same.</summary>
internal static class OneRun
{
    private const string Line = "one run";

    // What another machine has written shows on a network's disk after a while.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    /// <summary>All ranks see what rank 0 writes into the run's folder.</summary>
    /// <exception cref="HorizonException">It cannot be written to, or is another folder on some machine; on every rank.</exception>
    public static async Task RequireFolderAsync(ICollectives ranks, string folder)
    {
        var token = await ranks.FirstAsync(Line, () => Task.FromResult(Write(folder))).ConfigureAwait(false);
        var path = Path.Combine(folder, token);
        var blind = await ranks.ShareAsync(Line, async () => await SeesAsync(path).ConfigureAwait(false) ? null : Environment.MachineName).ConfigureAwait(false);
        if (ranks.Rank == 0) File.Delete(path);
        for (var rank = 0; rank < blind.Count; rank++)
            if (blind[rank] is { } machine)
                throw new HorizonException($"output.directory is {folder}, and rank {rank} on {machine} does not see there what rank 0 writes: the machines have a disk of their own each, and ranks write a checkpoint side by side, which every rank must find again; name a folder on a disk that all machines share");
    }

    /// <summary>All ranks have rank 0's settings, its model's shape and its data.</summary>
    /// <exception cref="HorizonException">One has others; on every rank.</exception>
    public static async Task RequireSameAsync(ICollectives ranks, RunBlueprint blueprint, TrainingData data)
    {
        var own = new Description(ConfigurationWriter.ToYaml(blueprint.Configuration), ResumePoint.ProgressAfter(0, blueprint, data));
        var first = await ranks.FirstAsync(Line, () => Task.FromResult(own)).ConfigureAwait(false);
        await ranks.ShareAsync(Line, () => Difference(first, own) is { } difference ? throw new HorizonException(difference) : Task.FromResult(true)).ConfigureAwait(false);
    }

    private static string? Difference(Description first, Description own)
    {
        var settings = ConfigurationDifference.Between(ResumePoint.Parse(first.Yaml), ResumePoint.Parse(own.Yaml)).Where(one => !MayDiffer(one.Key)).ToList();
        if (settings.Count > 0) return $"{string.Join(", ", settings.Select(one => $"{one.Key} is {one.After} on {Environment.MachineName}, and {one.Before} for rank 0"))}; start all ranks with one configuration";
        var other = own.Progress.Where(pair => first.Progress.GetValueOrDefault(pair.Key) != pair.Value).Select(pair => pair.Key).FirstOrDefault();
        return other is null ? null
            : $"{Environment.MachineName} has {(other == TrainingData.FingerprintKey ? "other data than rank 0, or another tokenizer" : "another config.json of the model than rank 0")}; give all machines the same files";
    }

    // A machine's own affair; files are told apart by what they hold.
    private static bool MayDiffer(string key) =>
        ConfigurationSchema.PathKeys.Contains(key) || key is "device" or "data.sets" or "training.cpu_threads" or "pipeline.numa_binding" or "output.overwrite"
        || key.StartsWith("logging.", StringComparison.Ordinal) || key.StartsWith("rollouts.server.", StringComparison.Ordinal);

    private static string Write(string folder)
    {
        var token = $".shared-{Guid.NewGuid():N}";
        try
        {
            Directory.CreateDirectory(folder);
            File.WriteAllText(Path.Combine(folder, token), token);
            return token;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new HorizonException($"output.directory cannot be written to: {error.Message.TrimEnd('.')}; free space there or name another folder", error);
        }
    }

    private static async Task<bool> SeesAsync(string path)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (!File.Exists(path))
        {
            if (TimeProvider.System.GetElapsedTime(started) > Patience) return false;
            await Task.Delay(Pause).ConfigureAwait(false);
        }

        return true;
    }

    private sealed record Description(string Yaml, IReadOnlyDictionary<string, string> Progress);
}
