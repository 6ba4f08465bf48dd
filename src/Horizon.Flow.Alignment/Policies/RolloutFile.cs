using System.Text.Json;

namespace Horizon.Flow.Alignment.Policies;

/// <summary>
/// Answers and their rewards as JSON lines: what was drawn and not yet learned, for a run that dies in between. A file is whole or not there.
/// </summary>
public static class RolloutFile
{
    private sealed record Line(int Prompt, IReadOnlyList<int> PromptIds, IReadOnlyList<int> AnswerIds, bool IsFinished, double Reward);

    /// <summary>Writes them.</summary>
    /// <param name="path">The file.</param>
    /// <param name="rollouts">The answers.</param>
    /// <param name="rewards">One for each.</param>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Save(string path, IReadOnlyList<Rollout> rollouts, IReadOnlyList<double> rewards)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(rollouts);
        ArgumentNullException.ThrowIfNull(rewards);
        ArgumentOutOfRangeException.ThrowIfNotEqual(rewards.Count, rollouts.Count, nameof(rewards));
        var unfinished = path + ".part";
        File.WriteAllLines(unfinished, rollouts.Zip(rewards).Select(pair =>
            JsonSerializer.Serialize(new Line(pair.First.Prompt, pair.First.PromptIds, pair.First.AnswerIds, pair.First.IsFinished, pair.Second))));
        File.Move(unfinished, path, overwrite: true);
    }

    /// <summary>Reads what <see cref="Save"/> wrote.</summary>
    /// <exception cref="HorizonException">A line is no answer; names it.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static (IReadOnlyList<Rollout> Rollouts, IReadOnlyList<double> Rewards) Load(string path)
    {
        var (rollouts, rewards) = (new List<Rollout>(), new List<double>());
        foreach (var (number, text) in File.ReadLines(path).Index())
        {
            var line = Parse(text);
            if (line is not { PromptIds.Count: > 0, AnswerIds.Count: > 0 } || !double.IsFinite(line.Reward)) throw new HorizonException($"{path}, line {number + 1}: no answer with a reward; remove the file to draw answers anew");
            rollouts.Add(new Rollout(line.Prompt, line.PromptIds, line.AnswerIds, line.IsFinished));
            rewards.Add(line.Reward);
        }

        return (rollouts, rewards);
    }

    private static Line? Parse(string text)
    {
        try
        {
            return JsonSerializer.Deserialize<Line>(text);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
