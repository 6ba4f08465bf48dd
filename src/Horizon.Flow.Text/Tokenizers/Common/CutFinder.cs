namespace Horizon.Flow.Text.Tokenizers;

/// <summary>Finds the last place where a text may be cut so that the parts have the tokens of the whole; 0 where there is none.</summary>
internal delegate int CutFinder(ReadOnlySpan<char> text);
