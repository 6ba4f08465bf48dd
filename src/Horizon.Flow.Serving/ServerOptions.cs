namespace Horizon.Flow.Serving;

/// <summary>How a server listens, and what it takes.</summary>
public sealed record ServerOptions
{
    /// <summary>The address: an IP address, <c>localhost</c>, or <c>*</c> for all.</summary>
    /// <value><c>localhost</c>: this machine alone.</value>
    public string Host { get; init; } = "localhost";

    /// <summary>The port; 0 takes a free one.</summary>
    /// <value>8000.</value>
    public int Port { get; init; } = 8000;

    /// <summary>What clients call the model.</summary>
    /// <value><c>model</c>.</value>
    public string ModelName { get; init; } = "model";

    /// <summary>What clients must send as <c>Authorization: Bearer</c>; null for nothing.</summary>
    /// <value>Null.</value>
    public string? ApiKey { get; init; }

    /// <summary>Whether <c>/update_weights_from_disk</c> is there, by which clients name folders of this machine.</summary>
    /// <value>False.</value>
    public bool AllowReload { get; init; }

    /// <summary>Bytes of a request's body at most.</summary>
    /// <value>8 MiB.</value>
    public long LongestBody { get; init; } = 8 << 20;

    /// <summary>Requests that wait for the one in hand; more are told to come again.</summary>
    /// <value>64.</value>
    public int LongestQueue { get; init; } = 64;

    /// <summary>Texts that one request may ask for: prompts times <c>n</c>.</summary>
    /// <value>128.</value>
    public int MostChoices { get; init; } = 128;

    /// <summary>Where the time of answers comes from.</summary>
    /// <value>The system's clock.</value>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}
