using Horizon.Flow.Host.Memory;

namespace Horizon.Flow.Host.Checkpoints;

/// <summary>One flat buffer of a unit in a checkpoint.</summary>
/// <param name="Name"><c>weights</c>, <c>difference</c>, or <c>state.</c> and the optimizer's own name for it.</param>
/// <param name="Type">The type of its elements; an optimizer's state is bytes.</param>
/// <param name="Elements">How many.</param>
public sealed record BufferContents(string Name, ElementType Type, long Elements)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Name} ({Elements:N0} x {Type})";
}
