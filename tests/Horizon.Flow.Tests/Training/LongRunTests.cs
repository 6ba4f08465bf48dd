using Horizon.Flow.Devices;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models;
using Horizon.Flow.Testing;

namespace Horizon.Flow.Tests.Training;

/// <summary>Some hundred steps hold no more than some dozen did; `horizon-soak` does ten thousand.</summary>
public class LongRunTests
{
    private const int Steps = 100;

    [Theory]
    [InlineData(0b00_00_00_00)]
    [InlineData(0b10_01_10_01)]
    public async Task Train_HundredsOfSteps_HoldsNoMoreTensorsAndNoLease(int policies)
    {
        var @case = new TrainingCase(
            new ModelCase(2, 1, 2, 4, 8, 12, 11, true, false, false, false, false, null, RopeKind.Default, null, 3, 5, false, 3),
            Steps, 2, true, 1, false, new Capacities(2, 2, 2, 2, 2, 1, Policies: policies));
        var plan = TrainingPlan.For(ModelFamilies.Define(@case.Model.Config), @case.Options());
        using var store = plan.CreateStore(StorePrecision.Fp32);
        StoreValues.Write(store, @case.Model.Parameters());
        using var device = new CpuDevice();
        var run = plan.Start(store, device);
        var tensors = new List<long>();
        for (var part = 0; part < 3; part++)
        {
            await foreach (var _ in run.StepsAsync(@case.Batches(), ahead: 1))
            {
            }

            tensors.Add(await Leaks.TensorsOfAsync(device));
        }

        await run.DisposeAsync();
        // A buffer makes its views when a unit of each kind first lies in it, and timing decides when: some come late. A tensor lost in every
        // step, let alone every visit, would be hundreds.
        Assert.InRange(tensors[^1], 0, tensors[0] + Steps);
        Assert.Equal(3 * Steps, store.Step);
        Leaks.RequireNoLease(run);
    }
}
