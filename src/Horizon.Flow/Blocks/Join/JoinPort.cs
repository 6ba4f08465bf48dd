using Horizon.Flow.Messages;

namespace Horizon.Flow.Blocks;

/// <summary>Where one type of message comes out of join.</summary>
internal abstract class JoinPort
{
    public abstract Task Completion { get; }

    public abstract void Send(UnitMessage message);

    public abstract void Complete();

    public abstract void Fault(Exception fault);
}
