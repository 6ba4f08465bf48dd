using Horizon.Flow.Graph;

namespace Horizon.Flow;

/// <summary>The stages of the default training graph, in the order in which a unit passes them, with what each takes and gives.</summary>
public static class Stages
{
    /// <summary>Waits for the unit's version and finds its host memory.</summary>
    public static StageKey<UnitRequest, HostUnit> Fetch { get; } = new("fetch");

    /// <summary>Copies the unit to the device.</summary>
    public static StageKey<HostUnit, DeviceUnit> Upload { get; } = new("upload");

    /// <summary>Lets a micro-batch onto the device when there is room for its activations.</summary>
    public static StageKey<DeviceUnit, DeviceUnit> Admit { get; } = new("admit");

    /// <summary>Runs the unit forward.</summary>
    public static SinkKey<DeviceUnit> Forward { get; } = new("forward");

    /// <summary>Loss, and the head's gradients.</summary>
    public static StageKey<DeviceUnit, DeviceGradient> Head { get; } = new("head");

    /// <summary>Brings inputs back that moved out to host memory. Only in plans where some do.</summary>
    public static StageKey<DeviceUnit, DeviceUnit> Return { get; } = new("return");

    /// <summary>Runs the unit forward again, keeping what backward needs.</summary>
    public static StageKey<DeviceUnit, RecomputedUnit> Recompute { get; } = new("recompute");

    /// <summary>Turns a recomputed segment round.</summary>
    public static StageKey<RecomputedUnit, RecomputedUnit> Segment { get; } = new("segment");

    /// <summary>The unit's gradients.</summary>
    public static StageKey<RecomputedUnit, DeviceGradient> Backward { get; } = new("backward");

    /// <summary>Copies the gradient to the host.</summary>
    public static StageKey<DeviceGradient, HostGradient> Download { get; } = new("download");

    /// <summary>Sums the gradients of one unit.</summary>
    public static StageKey<HostGradient, HostGradient> Gather { get; } = new("gather");

    /// <summary>Holds all gradients until their norm is known. Only in plans with a largest norm.</summary>
    public static StageKey<HostGradient, HostGradient> Clip { get; } = new("clip");

    /// <summary>One optimizer step for the unit.</summary>
    public static StageKey<HostGradient, UnitUpdated> Update { get; } = new("update");

    /// <summary>Raises the unit's version.</summary>
    public static SinkKey<UnitUpdated> Commit { get; } = new("commit");
}
