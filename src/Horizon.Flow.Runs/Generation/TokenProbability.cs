namespace Horizon.Flow.Runs.Generation;

/// <summary>A token that was sampled, by the model's own probabilities: no temperature, and nothing left out.</summary>
/// <param name="Id">Its id.</param>
/// <param name="LogProbability">The logarithm of its probability.</param>
/// <param name="Likeliest">The likeliest tokens there, with theirs, in falling order; as many as were asked for.</param>
public sealed record TokenProbability(int Id, double LogProbability, IReadOnlyList<(int Id, double LogProbability)> Likeliest)
{
    /// <summary>Takes it from logits.</summary>
    /// <param name="logits">[vocabulary], finite.</param>
    /// <param name="id">The token.</param>
    /// <param name="count">How many of the likeliest.</param>
    public static TokenProbability Of(ReadOnlySpan<float> logits, int id, int count)
    {
        var highest = float.NegativeInfinity;
        foreach (var logit in logits) highest = Math.Max(highest, logit);
        var sum = 0.0;
        foreach (var logit in logits) sum += Math.Exp(logit - highest);
        var normalizer = highest + Math.Log(sum);
        var likeliest = new PriorityQueue<int, (float, int)>(); // the least likely of them first
        for (var other = 0; count > 0 && other < logits.Length; other++)
        {
            if (likeliest.Count < count) likeliest.Enqueue(other, (logits[other], -other));
            else likeliest.EnqueueDequeue(other, (logits[other], -other));
        }

        var found = new (int, double)[likeliest.Count];
        for (var i = found.Length - 1; i >= 0; i--)
        {
            var other = likeliest.Dequeue();
            found[i] = (other, logits[other] - normalizer);
        }

        return new(id, logits[id] - normalizer, found);
    }
}
