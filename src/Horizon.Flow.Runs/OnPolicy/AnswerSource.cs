using Horizon.Flow.Alignment.Policies;
using Horizon.Flow.Distributed;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Runs.Blueprint;
using Horizon.Flow.Runs.Export;
using Horizon.Flow.Text.Preferences;
using Horizon.Flow.Text.Tokenizers;

namespace Horizon.Flow.Runs.OnPolicy;

/// <summary>Where a run's answers come from: itself, or a server, which is handed the weights before rank 0 asks it. Every rank knows all answers.</summary>
internal sealed class AnswerSource : IDisposable
{
    private readonly TrainingRun _run;
    private readonly ParameterStore _store;
    private readonly ModelFolderWriter _writer;
    private readonly ICollectives? _ranks;
    private readonly StreamedSampler _sampler;
    private readonly ServerSampler? _server;
    private readonly string _folder;
    private long? _handedOver;

    /// <param name="blueprint">The run.</param>
    /// <param name="run">Trains the model.</param>
    /// <param name="store">Its weights.</param>
    /// <param name="writer">Writes them as a folder.</param>
    /// <param name="tokenizer">The model's.</param>
    public AnswerSource(RunBlueprint blueprint, TrainingRun run, ParameterStore store, ModelFolderWriter writer, ITokenizer tokenizer)
    {
        var (rollouts, server) = (blueprint.Configuration.Rollouts, blueprint.Configuration.Rollouts.Server);
        (_run, _store, _writer, _ranks) = (run, store, writer, blueprint.Ranks);
        _folder = server.Folder ?? Path.GetFullPath(Path.Combine(blueprint.Configuration.Output.Directory!, "policy"));
        var sampling = new SamplingOptions
        {
            Answers = rollouts.Group,
            MaxTokens = rollouts.MaxTokens,
            Temperature = rollouts.Temperature,
            EndIds = tokenizer.EndOfText,
            Together = blueprint.Configuration.Training.BatchSize,
        };
        if (server.Url is not null)
        {
            _server = new ServerSampler(new ServerSamplerOptions
            {
                Url = new Uri(server.Url),
                Model = server.Model!,
                Kind = server.Kind,
                IsChat = server.Chat,
                ApiKey = Environment.GetEnvironmentVariable(server.KeyVariable) is { Length: > 0 } key ? key : null,
                AtOnce = server.AtOnce,
                Patience = TimeSpan.FromSeconds(server.Patience),
            }, sampling, tokenizer);
        }

        _sampler = new StreamedSampler(run, sampling, _ranks);
    }

    /// <summary>Answers to prompts, by the weights after all steps begun so far.</summary>
    /// <exception cref="HorizonException">The server is down, or the weights cannot be handed over.</exception>
    public async Task<IReadOnlyList<Rollout>> DrawAsync(IReadOnlyList<PromptRecord> prompts, long seed, CancellationToken cancellation)
    {
        if (_server is null) return await ((IAnswerSource)_sampler).DrawAsync(prompts, seed, cancellation).ConfigureAwait(false);
        if (_server.TakesWeights) await HandOverAsync(_server, cancellation).ConfigureAwait(false);
        // One asks for all: a server has one address, and answers as many requests at once as it can.
        return await _ranks.FirstAsync("answers", () => _server.DrawAsync(prompts, seed, cancellation)).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public void Dispose() => _server?.Dispose();

    private async Task HandOverAsync(ServerSampler server, CancellationToken cancellation)
    {
        var step = await _run.StepBoundaryAsync(cancellation).ConfigureAwait(false);
        if (_handedOver == step) return;
        await _writer.WriteAsync(_folder, _store, _run.Context.Plan, _ranks).ConfigureAwait(false);
        await _ranks.FirstAsync("weights", async () =>
        {
            await server.ReloadAsync(_folder, cancellation).ConfigureAwait(false);
            return true;
        }).ConfigureAwait(false);
        _handedOver = step;
    }
}
