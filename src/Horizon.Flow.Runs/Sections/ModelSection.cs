namespace Horizon.Flow.Runs.Sections;

/// <summary>The <c>model</c> section.</summary>
public sealed record ModelSection
{
    /// <summary>A Hugging Face folder; with <see cref="ModelInit.Random"/> its <c>config.json</c> alone is enough. Required.</summary>
    /// <value>No default.</value>
    [PathKey]
    public string? Path { get; init; }

    /// <summary>Where the first parameters come from.</summary>
    /// <value>Default <c>pretrained</c>.</value>
    public ModelInit Init { get; init; } = ModelInit.Pretrained;

    /// <summary>Texts that get a special token of their own. Where the vocabulary has no rows to spare it grows; their rows begin as the mean of all others.</summary>
    /// <value>Default <c>[]</c>.</value>
    public ValueList<string> AdditionalSpecialTokens { get; init; } = [];
}
