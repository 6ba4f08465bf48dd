namespace Horizon.Flow.Distributed;

/// <summary>What a frame says.</summary>
internal enum MeetingFrameKind : byte
{
    /// <summary>A rank comes: its number and the count of ranks.</summary>
    Hello = 0x48,

    /// <summary>All ranks have come.</summary>
    Welcome,

    /// <summary>Parts that a rank brings, or takes home.</summary>
    Parts,

    /// <summary>The sender is alive.</summary>
    Alive,

    /// <summary>The ranks end, and why.</summary>
    End,

    /// <summary>The sender needs nothing more.</summary>
    Bye,
}
