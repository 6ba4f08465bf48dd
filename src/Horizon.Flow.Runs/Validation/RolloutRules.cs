using Horizon.Flow.Alignment.Policies;
using Horizon.Flow.Runs.Objectives;
using Horizon.Flow.Runs.Sections;

namespace Horizon.Flow.Runs.Validation;

/// <summary>The rules of <c>rollouts</c>.</summary>
internal static class RolloutRules
{
    private const string Section = "rollouts";

    public static void Check(Checks checks, RunConfiguration configuration)
    {
        var (rollouts, objective) = (configuration.Rollouts, configuration.Training.Objective);
        if (!ObjectiveKinds.Names.Contains(objective.Name)) return;
        if (!ObjectiveKinds.Of(objective).IsOnPolicy)
        {
            checks.That(rollouts == new RolloutsSection(), Section, "set", $"left out: training.objective.name {objective.Name} draws no answers");
            return;
        }

        checks.That(rollouts.Prompts is >= 1 and <= 1 << 16, $"{Section}.prompts", rollouts.Prompts, "1 to 65536");
        checks.That(rollouts.Group is >= 2 and <= 1 << 12, $"{Section}.group", rollouts.Group, "2 to 4096: an answer is compared with the others of its prompt");
        checks.AtLeast($"{Section}.max_tokens", rollouts.MaxTokens, 1);
        checks.Positive($"{Section}.temperature", rollouts.Temperature);
        checks.That(rollouts.EverySteps is >= 1 and <= 1 << 12, $"{Section}.every_steps", rollouts.EverySteps, "1 to 4096");
        checks.That(configuration.Training.GradientAccumulation == 1, "training.gradient_accumulation", configuration.Training.GradientAccumulation,
            $"left out: {Section}.prompts and {Section}.group say how many answers a step has, and training.batch_size how many a micro-batch");
        checks.That(configuration.Training.NeftuneAlpha == 0, "training.neftune_alpha", configuration.Training.NeftuneAlpha, $"0 where training.objective.name is {objective.Name}: answers are learned as they were drawn");
        CheckServer(checks, configuration);
        CheckRewards(checks, rollouts.Rewards);
    }

    private static void CheckServer(Checks checks, RunConfiguration configuration)
    {
        var (server, key) = (configuration.Rollouts.Server, $"{Section}.server");
        if (server.Url is null)
        {
            checks.That(server == new RolloutServerSection(), $"{key}.url", "empty", $"the server's address where other keys of {key} are set");
            return;
        }

        checks.That(Uri.TryCreate(server.Url, UriKind.Absolute, out var url) && url.Scheme is "http" or "https", $"{key}.url", $"'{server.Url}'", "an address such as http://localhost:8000");
        checks.Required($"{key}.model", server.Model, "what the server calls the model");
        checks.That(server.AtOnce is >= 1 and <= 1 << 12, $"{key}.at_once", server.AtOnce, "1 to 4096");
        checks.That(server.Patience is >= 0 and <= 86_400, $"{key}.patience", server.Patience, "from 0 to 86400 seconds");
        checks.That(!configuration.Training.Adapter.IsWanted || server.Kind == ServerKind.OpenAI, $"{key}.url", $"'{server.Url}'", "left out where training.adapter is set: whole weights are handed over, and adapters are not merged meanwhile");
    }

    private static void CheckRewards(Checks checks, RewardsSection rewards)
    {
        var key = $"{Section}.rewards";
        var given = ((string Key, bool IsSet)[])[("command", rewards.Command.Count > 0), ("contains", rewards.Contains is not null), ("matches", rewards.Matches is not null), ("equal", rewards.Equal is not null), ("model", rewards.Model is not null)];
        List<string> set = [.. given.Where(one => one.IsSet).Select(one => one.Key)];
        checks.That(set.Count == 1, key, set.Count == 0 ? "empty" : string.Join(" and ", set), $"one of {string.Join(", ", given.Select(one => one.Key))}: what tells how good an answer is");
        checks.That(rewards.Command.Count == 0 || !string.IsNullOrWhiteSpace(rewards.Command[0]), $"{key}.command", "a list with an empty program", "a program and its arguments, such as [python3, reward.py]");
        checks.That(double.IsFinite(rewards.Passing), $"{key}.passing", rewards.Passing, "a finite number");
        checks.That(rewards.Patience is > 0 and <= 86_400, $"{key}.patience", rewards.Patience, "more than 0 and at most 86400 seconds");
        checks.Exists($"{key}.model", rewards.Model, folderOnly: true);
    }
}
