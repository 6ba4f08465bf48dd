using System.Text;
using Horizon.Flow.Runs.Generation;

namespace Horizon.Flow.Serving;

/// <summary>A text as it comes together.</summary>
internal sealed class WrittenChoice
{
    public StringBuilder Text { get; } = new();

    public List<TokenProbability> Tokens { get; } = [];

    /// <summary>Every token, the one that ends the text too.</summary>
    public List<int> Ids { get; } = [];

    public int Count { get; private set; }

    public FinishReason? Finish { get; private set; }

    public void Add(GeneratedPiece piece)
    {
        Text.Append(piece.Text);
        Count += piece.Tokens;
        if (piece.Token is { } token) Tokens.Add(token);
        if (piece.Id is { } id) Ids.Add(id);
        Finish = piece.Finish;
    }
}
