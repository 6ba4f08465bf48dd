using Horizon.Flow.Alignment.Policies;
using Horizon.Flow.Alignment.Rewards;
using Horizon.Flow.Devices;
using Horizon.Flow.Runs.Blueprint;

namespace Horizon.Flow.Runs.OnPolicy;

/// <summary>What <c>rollouts.rewards</c> names, and what it needs.</summary>
internal sealed class RolloutRewards : IAsyncDisposable
{
    private const string Tokenizer = "tokenizer.json";

    private readonly RewardScorer? _scorer;
    private readonly ProcessReward? _process;

    private RolloutRewards(IAnswerReward reward, ProcessReward? process = null, RewardScorer? scorer = null) => (Reward, _process, _scorer) = (reward, process, scorer);

    /// <summary>Tells how good answers are.</summary>
    public IAnswerReward Reward { get; }

    /// <summary>Starts the program, one on each rank, or loads the model, of which each rank has its slices.</summary>
    /// <exception cref="HorizonException">It cannot be started or loaded, or the model has other tokens.</exception>
    public static async Task<RolloutRewards> OpenAsync(RunBlueprint blueprint, IComputeDevice device, CancellationToken cancellation)
    {
        var section = blueprint.Configuration.Rollouts.Rewards;
        if (section.Command.Count > 0)
        {
            var process = ProcessReward.Start(section.Command[0], [.. section.Command.Skip(1)], TimeSpan.FromSeconds(section.Patience));
            return new(blueprint.Ranks is { } ranks ? new SharedReward(process, ranks) : process, process);
        }

        if (section.Contains is { } text) return new(AnswerReward.Contains(text));
        if (section.Matches is { } pattern) return new(AnswerReward.Matches(pattern));
        if (section.Equal is { } column) return new(AnswerReward.Equal(column));
        RequireTokens(section.Model!, blueprint.Configuration.Model.Path!);
        var scorer = await RewardScorer.LoadAsync(section.Model!, device, blueprint.Ranks, cancellation).ConfigureAwait(false);
        return new(new ModelReward(scorer), scorer: scorer);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _process?.Dispose();
        if (_scorer is not null) await _scorer.DisposeAsync().ConfigureAwait(false);
    }

    private static void RequireTokens(string scorer, string model)
    {
        var (one, other) = (Path.Combine(scorer, Tokenizer), Path.Combine(model, Tokenizer));
        if (!File.Exists(one) || !File.Exists(other) || !File.ReadAllBytes(one).AsSpan().SequenceEqual(File.ReadAllBytes(other)))
            throw new HorizonException($"the {Tokenizer} of rollouts.rewards.model is not that of model.path, byte for byte; a reward model scores the tokens that were drawn, so train one from the same model");
    }
}
