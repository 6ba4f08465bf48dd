using Horizon.Flow.Graph;
using Horizon.Flow.Messages;
using Horizon.Flow.Program;

namespace Horizon.Flow;

/// <summary>The stages of the default training graph, in the order in which a unit passes them, with what each takes and gives.</summary>
public static class Stages
{
    /// <summary>Waits for the unit's version and finds its host memory. An entry: it takes the loads of each program.</summary>
    public static StageKey<LoadRequest, HostUnit> Fetch { get; } = new("fetch");

    /// <summary>Copies the unit to the device.</summary>
    public static StageKey<HostUnit, DeviceUnit> Upload { get; } = new("upload");

    /// <summary>Owns what the programs write and read, and releases visit after visit. The hub, and an entry: it takes the programs.</summary>
    public static StageKey<StepMessage, StepMessage> Join { get; } = new("join");

    /// <summary>Runs a unit forward.</summary>
    public static StageKey<ForwardWork, Computed> Forward { get; } = new(Ops.Forward);

    /// <summary>Runs a unit forward, keeping what backward needs.</summary>
    public static StageKey<RecomputeWork, Computed> Recompute { get; } = new(Ops.Recompute);

    /// <summary>Loss, and the head's gradients.</summary>
    public static StageKey<HeadWork, Computed> Head { get; } = new(Ops.Head);

    /// <summary>The loss alone.</summary>
    public static StageKey<ScoreWork, Computed> Score { get; } = new(Ops.Score);

    /// <summary>A unit's gradients.</summary>
    public static StageKey<BackwardWork, Computed> Backward { get; } = new(Ops.Backward);

    /// <summary>Copies a hidden state to host memory.</summary>
    public static StageKey<OffloadWork, Computed> Offload { get; } = new(Ops.Offload);

    /// <summary>Copies a hidden state back.</summary>
    public static StageKey<ReturnWork, Computed> Return { get; } = new(Ops.Return);

    /// <summary>Logits for the host.</summary>
    public static StageKey<OpWork, Computed> Logits { get; } = new(Ops.Logits);

    /// <summary>Log-probabilities of the labels, for the host.</summary>
    public static StageKey<OpWork, Computed> LogProbabilities { get; } = new(Ops.LogProbabilities);

    /// <summary>Reads the losses.</summary>
    public static StageKey<DeviceLoss, StepLosses> Losses { get; } = new("losses");

    /// <summary>Reads numbers that were asked for.</summary>
    public static StageKey<DeviceResult, HostResult> Results { get; } = new("results");

    /// <summary>Copies the gradient to the host.</summary>
    public static StageKey<DeviceGradient, HostGradient> Download { get; } = new("download");

    /// <summary>Sums the gradients of one unit.</summary>
    public static StageKey<HostGradient, HostGradient> Accumulate { get; } = new("accumulate");

    /// <summary>Copies the gradients of a pass that is for these alone.</summary>
    public static StageKey<HostGradient, CollectedGradient> Collect { get; } = new("collect");

    /// <summary>Decides on the step's gradients: their scale, or that the step is skipped.</summary>
    public static StageKey<StepMessage, HostGradient> Clip { get; } = new("clip");

    /// <summary>One optimizer step for the unit.</summary>
    public static StageKey<HostGradient, UnitUpdated> Update { get; } = new("update");

    /// <summary>Raises the unit's version.</summary>
    public static StageKey<UnitUpdated, UnitUpdated> Commit { get; } = new("commit");

    /// <summary>The end of the line: what makes the step's report.</summary>
    public static SinkKey<StepMessage> Report { get; } = new("report");
}
