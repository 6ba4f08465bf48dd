namespace Horizon.Flow.Graph;

/// <summary>A block with a value of its own, which may be read from outside while the graph runs, and after it: a count, an average.</summary>
/// <typeparam name="T">What it is; immutable, since it is read at any time.</typeparam>
public interface IStageValue<out T>
{
    /// <summary>As it is now.</summary>
    T Value { get; }
}
