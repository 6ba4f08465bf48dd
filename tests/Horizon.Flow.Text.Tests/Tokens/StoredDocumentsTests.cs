using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Text.Batches;
using Horizon.Flow.Text.Data;
using Horizon.Flow.Text.Tokens;

namespace Horizon.Flow.Text.Tests;

/// <summary>What is written is what is read, in a file and in memory, for ids of two and of four bytes, whole and in stretches.</summary>
public class StoredDocumentsTests
{
    [Cases(100, Arbitrary = [typeof(DataSet)])]
    public void Read_WhatWasWritten_InAnyStretch(DataSet data, bool isWide, bool isFile, int seed)
    {
        using var folder = new TemporaryFolder();
        var random = new Random(seed);
        var documents = data.Documents.Select(document => Varied(document, random)).ToList();
        var stored = Store(documents, folder, isWide ? 1 << 20 : 1 << 16, isFile);
        Assert.Equal(documents.Count, stored.Count);
        for (var i = 0; i < documents.Count; i++)
        {
            var (ids, labels) = (documents[i].InputIds, documents[i].Labels);
            var start = random.Next(ids.Length + 1);
            var end = random.Next(start, ids.Length + 1);
            var read = stored.Read(i, start, end);
            Assert.Equal(ids[start..end], read.InputIds);
            Assert.Equal(labels[start..end], read.Labels);
            Assert.Equal(documents[i].IsConversation, stored.IsConversation(i));
            Assert.Equal(ids.Length, stored.Length(i));
            Assert.Equal(labels[start..end].Skip(1).Count(label => label != -100), stored.Labelled(i, start, end));
            Assert.Equal(labels.Skip(1).Count(label => label != -100), stored.Labelled(i, 0, ids.Length));
        }
    }

    /// <summary>Batches do not tell where their documents lie.</summary>
    [Cases(100, Arbitrary = [typeof(DataSet)])]
    public void GetMicroBatch_StoredAndHeld_TheSame(DataSet data, bool packing, bool shuffle)
    {
        using var folder = new TemporaryFolder();
        var options = new DataOptions { Path = "d", SequenceLength = data.SequenceLength, Packing = packing, Shuffle = shuffle };
        BatchSource Source(IReadOnlyList<TokenDocument> documents) => BatchSource.FromDocuments(documents, options, data.BatchSize, data.Seed);
        var (held, stored) = (Source(data.Documents), Source(Store(data.Documents, folder, 1 << 16, isFile: true)));
        Assert.Equal(held.Fingerprint, stored.Fingerprint);
        Assert.Equal(held.Summary with { Warnings = [] }, stored.Summary with { Warnings = [] });
        Assert.Equal(held.DocumentLengths, stored.DocumentLengths);
        for (var i = 0; i < held.MicroBatchesPerEpoch(1); i++)
        {
            var (one, other) = (held.GetMicroBatch(1, i), stored.GetMicroBatch(1, i));
            Assert.Equal((one.Rows, one.SequenceLength), (other.Rows, other.SequenceLength));
            Assert.Equal(one.InputIds, other.InputIds);
            Assert.Equal(one.Targets, other.Targets);
            Assert.Equal(one.Positions, other.Positions);
            Assert.Equal(one.Documents, other.Documents);
        }
    }

    /// <summary>Some are trained in parts, some as a whole, some on labels of their own.</summary>
    private static TokenDocument Varied(TokenDocument document, Random random) => random.Next(3) switch
    {
        0 => document with { IsConversation = random.Next(2) == 0 },
        1 => document with { Labels = document.InputIds },
        _ => document with { Labels = [.. document.Labels.Select(label => label < 0 ? label : label + 1)] },
    };

    private static StoredDocuments Store(IReadOnlyList<TokenDocument> documents, TemporaryFolder folder, int vocabularySize, bool isFile)
    {
        using var writer = new TokenWriter(
            vocabularySize, () => new FileStream(Path.Combine(folder.Path, $"{Guid.NewGuid():N}"), FileMode.CreateNew, FileAccess.ReadWrite), isFile ? 0 : int.MaxValue);
        foreach (var document in documents) writer.Add(document);
        return isFile ? writer.Finish("") : writer.ToHeld();
    }
}
