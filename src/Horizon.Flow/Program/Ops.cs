namespace Horizon.Flow.Program;

/// <summary>The operations of the default programs. Each is done by the stage of that name; a program may name others, for which a plan has a stage (<see cref="TrainingPlan.WithOp"/>).</summary>
public static class Ops
{
    /// <summary>Reads a hidden state (none for an embedding), writes the next.</summary>
    public const string Forward = "forward";

    /// <summary>Reads a hidden state, writes a tape: what backward needs; and, where the program asks for it, the next hidden state.</summary>
    public const string Recompute = "recompute";

    /// <summary>Reads the last hidden state, writes its gradient; gives the loss and the head's gradients.</summary>
    public const string Head = "head";

    /// <summary>Reads the last hidden state, gives the loss.</summary>
    public const string Score = "score";

    /// <summary>Reads a tape and the gradient of its output, writes the gradient of its input; gives the unit's gradients.</summary>
    public const string Backward = "backward";

    /// <summary>Reads a hidden state, writes its copy in host memory.</summary>
    public const string Offload = "offload";

    /// <summary>Reads a copy in host memory, writes it on the device.</summary>
    public const string Return = "return";

    /// <summary>Reads the last hidden state, gives the logits of the labelled places.</summary>
    public const string Logits = "logits";

    /// <summary>Reads the last hidden state, gives the log-probability of each label.</summary>
    public const string LogProbabilities = "log-probabilities";
}
