using Horizon.Flow.Text.Data;

namespace Horizon.Flow.Text.Batches;

/// <summary>
/// A data set as micro-batches: of text (<see cref="BatchSource"/>) or of preferences (<see cref="Preferences.PreferenceBatches"/>). Any micro-batch of any epoch can
/// be asked for at any time, from several threads; it is the same for the same arguments.
/// </summary>
public interface IBatchSource
{
    /// <summary>What an epoch holds, and what the user should know about it.</summary>
    DataSummary Summary { get; }

    /// <summary>All documents.</summary>
    IReadOnlyList<TokenDocument> Documents { get; }

    /// <summary>Tokens of each document, in the same order.</summary>
    IEnumerable<int> DocumentLengths { get; }

    /// <summary>What it takes of host memory as long as it is used, in bytes; what is held out not counted.</summary>
    long HostBytes { get; }

    /// <summary>What is held out; null where nothing is.</summary>
    IBatchSource? HeldOut { get; }

    /// <summary>Sixteen hexadecimal digits of all tokens and labels in their order.</summary>
    string Fingerprint { get; }

    /// <summary>Micro-batches of an epoch; the last one may have fewer sequences.</summary>
    /// <param name="epoch">From 0; all epochs are of one length.</param>
    int MicroBatchesPerEpoch(int epoch);

    /// <summary>A micro-batch.</summary>
    /// <param name="epoch">From 0.</param>
    /// <param name="index">From 0 to below <see cref="MicroBatchesPerEpoch"/>.</param>
    MicroBatch GetMicroBatch(int epoch, int index);

    /// <summary>Tokens of the largest micro-batch of some epochs, or a bound that none exceeds.</summary>
    /// <param name="epochs">The first so many epochs; at least 1.</param>
    /// <param name="batchSize">What <c>training.batch_size</c> counts; null for that of the source.</param>
    long MostTokens(int epochs, int? batchSize = null);
}
