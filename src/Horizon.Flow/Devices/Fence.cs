namespace Horizon.Flow;

/// <summary>temporary</summary>
public readonly struct Fence
{
    /// <summary>t</summary>
    public ValueTask WaitAsync() => ValueTask.CompletedTask;
}
