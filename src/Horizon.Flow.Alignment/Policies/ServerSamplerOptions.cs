namespace Horizon.Flow.Alignment.Policies;

/// <summary>Which server draws answers, and how it is spoken to.</summary>
public sealed record ServerSamplerOptions
{
    /// <summary>Where it is, such as <c>http://localhost:8000</c>; with <c>/v1</c> or without.</summary>
    public required Uri Url { get; init; }

    /// <summary>What the server calls the model.</summary>
    public required string Model { get; init; }

    /// <summary>What it speaks.</summary>
    /// <value><see cref="ServerKind.Horizon"/>.</value>
    public ServerKind Kind { get; init; }

    /// <summary>Whether prompts go as turns to <c>/v1/chat/completions</c>, and not as tokens to <c>/v1/completions</c>.</summary>
    /// <value>False: both sides have the same tokens.</value>
    public bool IsChat { get; init; }

    /// <summary>What is sent as <c>Authorization: Bearer</c>; null for nothing.</summary>
    /// <value>Null.</value>
    public string? ApiKey { get; init; }

    /// <summary>Requests at once.</summary>
    /// <value>8.</value>
    public int AtOnce { get; init; } = 8;

    /// <summary>How long a server that is down, or has too much to do, is asked again.</summary>
    /// <value>A minute.</value>
    public TimeSpan Patience { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>How long a request may take.</summary>
    /// <value>Ten minutes.</value>
    public TimeSpan LongestRequest { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Tells the time.</summary>
    /// <value>The system's.</value>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}
