using Horizon.Flow.Host.Files;
using Horizon.Flow.Text.Templates;

namespace Horizon.Flow.Text.Tokenizers;

/// <summary>What a run changes of a folder's tokenizer.</summary>
public sealed record TokenizerChanges
{
    private const int LongestTemplate = 16 << 20;

    /// <summary>Tokens of their own for these texts; one that is in the vocabulary already becomes special.</summary>
    /// <value>Default: none.</value>
    public IReadOnlyList<string> AdditionalSpecialTokens { get; init; } = [];

    /// <summary>The text of a chat template that takes the place of the folder's.</summary>
    /// <value>Default: the folder's.</value>
    public string? ChatTemplate { get; init; }

    /// <summary>Whether anything is changed.</summary>
    public bool IsEmpty => AdditionalSpecialTokens.Count == 0 && ChatTemplate is null;

    /// <summary>A template by name (<see cref="KnownTemplates"/>) or from a file.</summary>
    /// <param name="nameOrFile">A name has neither a slash nor a dot.</param>
    /// <exception cref="HorizonException">There is none.</exception>
    public static string ReadTemplate(string nameOrFile)
    {
        ArgumentException.ThrowIfNullOrEmpty(nameOrFile);
        return IsName(nameOrFile) ? KnownTemplates.Read(nameOrFile) : UntrustedFile.ReadText(nameOrFile, LongestTemplate, "a chat template");
    }

    /// <summary>Whether a text is a name, not a path.</summary>
    public static bool IsName(string nameOrFile)
    {
        ArgumentNullException.ThrowIfNull(nameOrFile);
        return nameOrFile.AsSpan().IndexOfAny("/\\.") < 0;
    }
}
