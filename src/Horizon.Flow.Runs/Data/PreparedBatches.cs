using Horizon.Flow.Text.Batches;
using Horizon.Flow.Text.Data;

namespace Horizon.Flow.Runs.Data;

/// <summary>Micro-batches with columns that are added to each, when it is asked for.</summary>
internal sealed class PreparedBatches(IBatchSource inner, Func<MicroBatch, MicroBatch> prepare) : IBatchSource
{
    public DataSummary Summary => inner.Summary;

    public IReadOnlyList<TokenDocument> Documents => inner.Documents;

    public IEnumerable<int> DocumentLengths => inner.DocumentLengths;

    public long HostBytes => inner.HostBytes;

    public IBatchSource? HeldOut => inner.HeldOut;

    public string Fingerprint => inner.Fingerprint;

    public int MicroBatchesPerEpoch(int epoch) => inner.MicroBatchesPerEpoch(epoch);

    public MicroBatch GetMicroBatch(int epoch, int index) => prepare(inner.GetMicroBatch(epoch, index));

    public long MostTokens(int epochs, int? batchSize = null) => inner.MostTokens(epochs, batchSize);
}
