namespace Horizon.Flow.Text.Tokenizers;

/// <summary>Takes stretches of a text as they are found; a struct, so that no call stands between.</summary>
internal interface IMatchSink
{
    /// <summary>Takes the next one.</summary>
    void Take(int start, int end);
}
