using System.Text.Json;

namespace Horizon.Flow.Alignment.Policies;

/// <summary>
/// Answers and their rewards as JSON lines: what was drawn and not yet learned, for a run that dies in between. A file is whole or not there.
/// </summary>
public static class RolloutFile
{
    private sealed record Line(
        int Prompt, IReadOnlyList<int>? PromptIds, IReadOnlyList<int>? AnswerIds, bool IsFinished, double Reward, IReadOnlyList<float>? OldLogProbabilities, IReadOnlyList<float>? ReferenceLogProbabilities)
    {
        public bool IsWhole => PromptIds?.Count > 0 && AnswerIds?.Count > 0 && double.IsFinite(Reward)
            && (OldLogProbabilities is null || OldLogProbabilities.Count == AnswerIds.Count) && (ReferenceLogProbabilities is null || ReferenceLogProbabilities.Count == AnswerIds.Count);
    }

    /// <summary>Writes them.</summary>
    /// <param name="path">The file.</param>
    /// <param name="rollouts">The answers.</param>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Save(string path, IReadOnlyList<GradedRollout> rollouts)
    {
        ArgumentNullException.ThrowIfNull(rollouts);
        WholeFile.Write(path, file =>
        {
            using var lines = new StreamWriter(file, leaveOpen: true);
            foreach (var one in rollouts)
                lines.WriteLine(JsonSerializer.Serialize(new Line(
                    one.Rollout.Prompt, one.Rollout.PromptIds, one.Rollout.AnswerIds, one.Rollout.IsFinished, one.Reward, one.OldLogProbabilities, one.ReferenceLogProbabilities)));
        });
    }

    /// <summary>Reads what <see cref="Save"/> wrote.</summary>
    /// <exception cref="HorizonException">A line is no answer; names it.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static IReadOnlyList<GradedRollout> Load(string path) => [.. File.ReadLines(path).Index().Select(line =>
        Parse(line.Item) is { IsWhole: true } whole
            ? new GradedRollout(new Rollout(whole.Prompt, whole.PromptIds!, whole.AnswerIds!, whole.IsFinished), whole.Reward)
            {
                OldLogProbabilities = whole.OldLogProbabilities,
                ReferenceLogProbabilities = whole.ReferenceLogProbabilities,
            }
            : throw new HorizonException($"{path}, line {line.Index + 1}: no answer with a reward; remove the file to draw answers anew"))];

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
