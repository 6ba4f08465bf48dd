using Horizon.Flow.Alignment;
using Horizon.Flow.Text.Batches;
using Horizon.Flow.Text.Data;

namespace Horizon.Flow.Runs.Data;

/// <summary>Micro-batches with what the reference says of their labels.</summary>
internal sealed class ReferencedBatches(IBatchSource inner, ReferenceLogProbabilities reference) : IBatchSource
{
    public DataSummary Summary => inner.Summary;

    public IReadOnlyList<TokenDocument> Documents => inner.Documents;

    public IEnumerable<int> DocumentLengths => inner.DocumentLengths;

    public long HostBytes => inner.HostBytes;

    public IBatchSource? HeldOut => inner.HeldOut;

    public string Fingerprint => inner.Fingerprint;

    public int MicroBatchesPerEpoch(int epoch) => inner.MicroBatchesPerEpoch(epoch);

    public MicroBatch GetMicroBatch(int epoch, int index) => reference.Attach(inner.GetMicroBatch(epoch, index));

    public long MostTokens(int epochs, int? batchSize = null) => inner.MostTokens(epochs, batchSize);
}
