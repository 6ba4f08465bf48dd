namespace Horizon.Flow.Text.Tokenizers;

/// <summary>What the patterns of tokenizers tell characters apart by.</summary>
internal enum CharacterClass : byte
{
    /// <summary>None of the others.</summary>
    Other,

    /// <summary>\p{L}.</summary>
    Letter,

    /// <summary>\p{M}.</summary>
    Mark,

    /// <summary>\p{N}.</summary>
    Number,

    /// <summary>\s, but for the ends of lines.</summary>
    Space,

    /// <summary>\r and \n.</summary>
    LineEnd,
}
