using Horizon.Flow.Units;

namespace Horizon.Flow;

/// <summary>What a model asks of the micro-batches it is given: checked on the host, since a kernel reads beyond a table without a word.</summary>
internal static class MicroBatchRules
{
    /// <exception cref="HorizonException">Names the first value that the model cannot take, and the mend.</exception>
    public static void Require(ModelDefinition model, IReadOnlyList<MicroBatch> microBatches)
    {
        ArgumentOutOfRangeException.ThrowIfZero(microBatches.Count, nameof(microBatches));
        foreach (var batch in microBatches) Require(model, batch);
    }

    private static void Require(ModelDefinition model, MicroBatch batch)
    {
        if (batch.Documents is null && batch.SequenceLength > model.MaximumSequenceLength) // of several documents each has its own positions
            throw new HorizonException($"a sequence has {batch.SequenceLength} tokens, the model allows {model.MaximumSequenceLength}; lower data.sequence_length");
        foreach (var id in batch.InputIds)
        {
            if ((ulong)id >= (ulong)model.VocabularySize)
                throw new HorizonException($"token id {id} is beyond the model's vocabulary of {model.VocabularySize}; use the model's own tokenizer");
        }

        foreach (var target in batch.Targets)
        {
            if (target != MicroBatch.Unlabelled && (ulong)target >= (ulong)model.VocabularySize)
                throw new HorizonException($"label {target} is beyond the model's vocabulary of {model.VocabularySize}; use the model's own tokenizer");
        }

        foreach (var position in batch.Positions)
        {
            if ((ulong)position >= (ulong)model.MaximumSequenceLength)
                throw new HorizonException($"position {position} is beyond the model's {model.MaximumSequenceLength} positions; count positions from 0 within each document");
        }
    }
}
