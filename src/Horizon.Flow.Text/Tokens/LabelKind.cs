namespace Horizon.Flow.Text.Tokens;

/// <summary>How the labels of a stored document are told.</summary>
internal enum LabelKind : byte
{
    /// <summary>They are the ids.</summary>
    Ids,

    /// <summary>A bit for each id says whether it is its own label or is not trained on.</summary>
    Mask,

    /// <summary>They are stored themselves.</summary>
    Own,
}
