using FsCheck.Xunit;
using Horizon.Flow.Devices;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Alignment.Tests;

/// <summary>Sequences of a micro-batch, on the host and on a device, and the columns that go with it.</summary>
[Properties(Arbitrary = [typeof(ModelCases)])]
public class SequenceTests
{
    [Cases(50)]
    public void SumBySequence_AnyLayout_AddsWhatEachDocumentHas(ModelCase model)
    {
        using var scope = NewDisposeScope();
        using var device = new CpuDevice(threads: 1);
        var tokens = model.Batch();
        var expected = Dense.LabelledPlaces(tokens);
        Assert.Equal(expected.Select(places => places.Count), tokens.LabelledBySequence);

        using var batch = DeviceBatch.Of(tokens, 0, device);
        using var without = new DeviceBatch(batch.InputIds.clone(), batch.Targets.clone(), batch.Positions.clone(), batch.Documents?.clone());
        Assert.Equal(tokens.LabelledBySequence, without.LabelledBySequence);
        Assert.Equal(expected.Select(places => (double)places.Count), batch.LengthBySequence().data<double>().ToArray());
        var sums = batch.SumBySequence(tensor(tokens.LabelledPlaces.Select(place => (float)place).ToArray()));
        Assert.Equal(expected.Select(places => (double)places.Sum()), sums.data<double>().ToArray());
    }

    [Cases(20)]
    public void WithColumn_ReachesTheDevice_AndLeavesTheOriginal(ModelCase model, float[] values)
    {
        using var device = new CpuDevice(threads: 1);
        var plain = model.Batch();
        var tokens = plain.WithColumn("own", [1]).WithColumn("own", values).WithColumn("other", [2]);
        Assert.Empty(plain.Columns);
        using var batch = DeviceBatch.Of(tokens, 1, device);
        Assert.Equal(values, batch.Column("own").data<float>().ToArray());
        Assert.Equal(["other", "own"], batch.ColumnNames.Order(StringComparer.Ordinal));
        Assert.Equal(
            "micro-batch 2 of the step has no column 'missing', only other, own; add it with MicroBatch.WithColumn", Assert.Throws<HorizonException>(() => batch.Column("missing")).Message);
    }
}
