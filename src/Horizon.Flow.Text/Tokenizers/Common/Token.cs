namespace Horizon.Flow.Text.Tokenizers;

/// <summary>One token and the characters of the text that it stands for.</summary>
/// <param name="Id">The token's id.</param>
/// <param name="Start">First character (UTF-16 index); where a token holds a part of a character, the character's first index.</param>
/// <param name="End">One past the last character; equal to <paramref name="Start"/> for tokens that no text stands behind.</param>
public readonly record struct Token(int Id, int Start, int End);
