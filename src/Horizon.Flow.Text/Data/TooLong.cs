namespace Horizon.Flow.Text.Data;

/// <summary>What becomes of a document that is longer than a row.</summary>
public enum TooLong
{
    /// <summary>With packing, conversations are cut and running text is split; without, everything is cut.</summary>
    Auto,

    /// <summary>Its end is left out.</summary>
    Cut,

    /// <summary>It goes on in further rows, whose tokens do not see the rows before.</summary>
    Split,

    /// <summary>It is left out.</summary>
    Drop,
}
