namespace Horizon.Flow.Text.Data;

/// <summary>What the records of a data set look like.</summary>
public enum DataFormat
{
    /// <summary>Told from the file's name and its first record.</summary>
    Auto,

    /// <summary>Plain text: one document a file, or records with `text` (or `content`).</summary>
    Text,

    /// <summary>JSON records with `instruction`, optional `input`, and `output`; also `system` and `history`.</summary>
    Alpaca,

    /// <summary>JSON records with `conversations`: turns with `from` and `value`.</summary>
    ShareGpt,

    /// <summary>JSON records with `messages`: turns with `role` and `content`; also `tools`.</summary>
    Messages,

    /// <summary>JSON records with `input_ids` and optional `labels`.</summary>
    Tokens,

    /// <summary>Records with a prompt and its answer under other names: prompt and completion, question and answer, query and response, ….</summary>
    Pairs,
}
