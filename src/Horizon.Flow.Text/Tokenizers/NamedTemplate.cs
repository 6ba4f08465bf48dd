namespace Horizon.Flow.Text.Tokenizers;

/// <summary>A chat template's text and the file that it comes from.</summary>
internal sealed record NamedTemplate(string Source, string File);
