namespace Horizon.Flow.Soak;

/// <summary>What happened so far.</summary>
internal sealed class Counts
{
    public int Starts { get; set; }

    public int Kills { get; set; }

    /// <summary>Kills that found an unfinished checkpoint on disk.</summary>
    public int WhileWriting { get; set; }

    /// <summary>Kills before the first step of their start.</summary>
    public int WhileStarting { get; set; }

    /// <summary>Kills after a SIGTERM.</summary>
    public int WhileStopping { get; set; }

    /// <summary>Starts that could not write a checkpoint.</summary>
    public int FullDisks { get; set; }

    /// <summary>Rounds whose model and metrics came out as without interruption.</summary>
    public int EqualRounds { get; set; }

    public List<string> Failures { get; } = [];

    public override string ToString() =>
        $"{Starts} starts, {Kills} kills ({WhileWriting} while a checkpoint was written, {WhileStarting} before a step, {WhileStopping} after SIGTERM), "
        + $"{FullDisks} starts with a full disk, {EqualRounds} rounds equal to the uninterrupted run, {Failures.Count} failures";
}
