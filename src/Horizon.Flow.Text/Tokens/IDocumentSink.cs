using Horizon.Flow.Text.Data;

namespace Horizon.Flow.Text.Tokens;

/// <summary>Takes documents, in order.</summary>
internal interface IDocumentSink
{
    /// <summary>Takes a document.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    void Add(TokenDocument document);

    /// <summary>Takes a document of running text, whose ids come in pieces: all of it, or where they cannot be had nothing.</summary>
    /// <returns>How many ids it has.</returns>
    /// <exception cref="IOException">It cannot be written.</exception>
    int AddText(IEnumerable<int[]> pieces);
}
