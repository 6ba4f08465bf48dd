namespace Horizon.Flow.Alignment.Rewards;

/// <summary>What a score asks of a micro-batch.</summary>
internal static class ScoredPlaces
{
    /// <exception cref="HorizonException">The token behind a sequence's last label, which is scored, is not there.</exception>
    public static void Require(MicroBatch batch)
    {
        var last = -1;
        for (var sequence = 0; sequence < batch.LabelledBySequence.Count; sequence++)
        {
            last += batch.LabelledBySequence[sequence];
            var place = (int)batch.LabelledPlaces[last];
            if (place % batch.SequenceLength == batch.SequenceLength - 1 || (batch.Documents is { } documents && documents[place] != documents[place + 1]))
                throw new HorizonException($"the last label of sequence {sequence + 1} of a micro-batch names a token that is not in it; lay whole sequences, their last token too");
        }
    }
}
