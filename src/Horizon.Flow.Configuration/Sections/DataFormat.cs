namespace Horizon.Flow.Configuration;

/// <summary>What a record of the training data looks like.</summary>
public enum DataFormat
{
    /// <summary>Told from the file's name and first record.</summary>
    Auto,

    /// <summary>Plain text, or JSON lines with <c>text</c>.</summary>
    Text,

    /// <summary>JSON with <c>instruction</c>, <c>input</c>, <c>output</c>.</summary>
    Alpaca,

    /// <summary>JSON with <c>conversations</c> of <c>from</c> and <c>value</c>.</summary>
    ShareGpt,

    /// <summary>JSON with <c>messages</c> of <c>role</c> and <c>content</c>.</summary>
    Messages,

    /// <summary>JSON lines with <c>input_ids</c> and optional <c>labels</c>.</summary>
    Tokens,
}
