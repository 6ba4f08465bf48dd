using System.Text;
using Horizon.Flow.Runs.Generation;

namespace Horizon.Flow.Serving;

/// <summary>A text as it comes together.</summary>
internal sealed class WrittenChoice
{
    public StringBuilder Text { get; } = new();

    public List<TokenProbability> Tokens { get; } = [];

    public int Count { get; private set; }

    public FinishReason? Finish { get; private set; }

    public void Add(GeneratedPiece piece)
    {
        Text.Append(piece.Text);
        Count += piece.Tokens;
        if (piece.Token is { } token) Tokens.Add(token);
        Finish = piece.Finish;
    }
}
