namespace Horizon.Flow.Text.Templates;

/// <summary>A conversation as the model reads it.</summary>
/// <param name="Text">The rendered text.</param>
/// <param name="Generated">The stretches of <paramref name="Text"/> (UTF-16 indices, in order) that stand in generation blocks; empty for
/// templates without.</param>
public sealed record RenderedChat(string Text, IReadOnlyList<Range> Generated);
