namespace Horizon.Flow.Graph;

/// <summary>A pool that a stage declares in its traits: the run makes it, drawings, budgets and validators read it.</summary>
public interface IPoolSpec
{
    /// <summary>Unique within a plan: stages that declare the same pool share it.</summary>
    string Name { get; }
}
