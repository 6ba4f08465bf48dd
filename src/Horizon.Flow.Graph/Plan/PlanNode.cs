using System.Threading.Tasks.Dataflow;

namespace Horizon.Flow.Graph;

/// <summary>One stage of a plan: a recipe for a block, not a block.</summary>
/// <typeparam name="TContext">What a run gives to every recipe: store, device, pools.</typeparam>
/// <param name="Name">Unique within the plan.</param>
/// <param name="Input">Type of the messages taken.</param>
/// <param name="Output">Type of the messages given; null for the end of a line.</param>
/// <param name="Traits">Bounds, place and pools.</param>
/// <param name="Create">Makes the block when a run starts.</param>
public sealed record PlanNode<TContext>(
    string Name, Type Input, Type? Output, StageTraits Traits, Func<TContext, StageOptions, IDataflowBlock> Create);
