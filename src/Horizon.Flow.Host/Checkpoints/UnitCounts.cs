using Horizon.Flow.Host.Store;

namespace Horizon.Flow.Host.Checkpoints;

/// <summary>How far a unit was when a checkpoint was taken.</summary>
/// <param name="Version">Steps that the unit has been through; see <see cref="ParameterStore.VersionOf"/>.</param>
/// <param name="Updates">Updates it has had; see <see cref="UnitState.Updates"/>.</param>
public readonly record struct UnitCounts(long Version, long Updates);
