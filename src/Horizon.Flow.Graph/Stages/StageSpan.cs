namespace Horizon.Flow.Graph;

/// <summary>One message's stay in one stage.</summary>
/// <param name="Stage">The stage's name.</param>
/// <param name="Message">The message, as it came in; its buffers may be gone.</param>
/// <param name="Start">Timestamp at which the body began.</param>
/// <param name="End">Timestamp at which it ended.</param>
/// <param name="WaitedTicks">Ticks in between spent waiting for credits, versions or turns.</param>
public readonly record struct StageSpan(string Stage, IUnitMessage? Message, long Start, long End, long WaitedTicks)
{
    /// <summary>When it waited, in order: the parts of the stay whose sum is <see cref="WaitedTicks"/>.</summary>
    public IReadOnlyList<(long Start, long End)> Waits { get; init; } = [];
}
