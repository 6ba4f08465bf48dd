using Horizon.Flow.Alignment.Policies;

namespace Horizon.Flow.Runs.Sections;

/// <summary>The section <c>rollouts.server</c>: an OpenAI-compatible server that draws the answers.</summary>
public sealed record RolloutServerSection
{
    /// <summary>Where it is, such as <c>http://localhost:8000</c>.</summary>
    /// <value>Default unset: the run draws the answers itself, streaming its weights for every token.</value>
    public string? Url { get; init; }

    /// <summary>What the server calls the model.</summary>
    /// <value>No default.</value>
    public string? Model { get; init; }

    /// <summary>How it takes weights: <c>horizon</c>, <c>sglang</c>, <c>vllm</c>, or <c>openai</c>, which takes none.</summary>
    /// <value>Default <c>horizon</c>.</value>
    public ServerKind Kind { get; init; }

    /// <summary>Whether prompts go as turns to <c>/v1/chat/completions</c>, and not as tokens to <c>/v1/completions</c>.</summary>
    /// <value>Default false: both sides have the same tokens.</value>
    public bool Chat { get; init; }

    /// <summary>The folder that weights are handed over in; the server must see it under the same path.</summary>
    /// <value>Default unset: <c>policy</c> in <c>output.directory</c>.</value>
    [PathKey]
    public string? Folder { get; init; }

    /// <summary>Requests at once, one for the answers to a prompt.</summary>
    /// <value>Default 8.</value>
    public int AtOnce { get; init; } = 8;

    /// <summary>The environment variable that holds the server's key, where it asks for one.</summary>
    /// <value>Default <c>HORIZON_API_KEY</c>.</value>
    public string KeyVariable { get; init; } = "HORIZON_API_KEY";

    /// <summary>How long a server that is down is asked again, in seconds.</summary>
    /// <value>Default 60.</value>
    public double Patience { get; init; } = 60;
}
