namespace Horizon.Flow.Text.Tokenizers;

/// <summary>Where Metaspace sets a space before a text.</summary>
internal enum PrependScheme
{
    /// <summary>Nowhere.</summary>
    Never,

    /// <summary>Before the beginning of the whole text only.</summary>
    First,

    /// <summary>Also after every added token.</summary>
    Always,
}
