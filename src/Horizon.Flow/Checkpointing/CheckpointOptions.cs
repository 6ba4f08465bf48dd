namespace Horizon.Flow.Checkpointing;

/// <summary>When checkpoints are written beside training, and what goes into them beside the store.</summary>
public sealed record CheckpointOptions
{
    /// <summary>After which steps a checkpoint is due.</summary>
    /// <value>None: only <see cref="CheckpointWriter.WriteNowAsync"/> writes.</value>
    public Func<long, bool> IsDue { get; init; } = _ => false;

    /// <summary>Copies of units that may wait for the disk. An update that would overtake the writer copies its unit into one of them, or waits where none is free.</summary>
    /// <value>2 of the largest unit, with its optimizer state.</value>
    /// <remarks>More of them hide a slow disk longer and take host memory; 0 never copies.</remarks>
    public int CopyBuffers { get; init; } = 2;

    /// <summary>The run's configuration, kept with each checkpoint.</summary>
    public string Configuration { get; init; } = "";

    /// <summary>What else the run needs to go on after a step, such as its place in the data. Asked after <see cref="BeforeCommit"/>.</summary>
    public Func<long, IReadOnlyDictionary<string, string>> Progress { get; init; } = _ => new Dictionary<string, string>();

    /// <summary>Is awaited before the checkpoint of a step counts: for what must be on disk before it. Null for nothing. Must not wait for a later step.</summary>
    public Func<long, CancellationToken, Task>? BeforeCommit { get; init; }

    /// <summary>Is told of each complete checkpoint, beside training.</summary>
    public Action<CheckpointReport>? Written { get; init; }

    /// <summary>Is told, in a sentence, of a checkpoint that could not be written, beside training, which goes on.</summary>
    public Action<string>? Warned { get; init; }

    /// <summary>The clock of what is reported.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}
