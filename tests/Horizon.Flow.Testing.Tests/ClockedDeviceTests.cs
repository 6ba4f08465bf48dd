using Horizon.Flow.Devices;
using Horizon.Flow.Graph;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Tests.Shared;
using static TorchSharp.torch;

namespace Horizon.Flow.Testing.Tests;

/// <summary>Every default stage orders what it touches by fences, and a body that leaves one out is found, whatever the timing.</summary>
public class ClockedDeviceTests
{
    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(2);

    [Cases(12, Arbitrary = [typeof(TrainingCases)])]
    public async Task<bool> Train_AnyShapeSettingsAndPolicies_HasAFenceForEveryAccess(TrainingCase @case, bool bf16)
    {
        var tested = @case with { Bf16 = bf16 };
        var plain = await tested.TrainAsync();
        var clocked = await tested.TrainAsync(device: () => new ClockedDevice());
        return plain.IsBitwise(clocked);
    }

    [Fact]
    public async Task Passes_OfEveryPurpose_HaveAFenceForEveryAccess()
    {
        var @case = TrainingCase.Small;
        var plan = @case.Plan();
        using var store = @case.CreateStore(plan);
        using var device = new ClockedDevice();
        await using var run = plan.Start(store, device);
        var batches = @case.Batches().First();
        await (await run.BeginStepAsync(batches)).Report;
        Assert.True(double.IsFinite(await run.EvaluateAsync(batches)));
        Assert.All(await run.LogitsAsync(batches), result => Assert.All(result.Numbers, value => Assert.True(float.IsFinite(value))));
        Assert.All(await run.LogProbabilitiesAsync(batches), result => Assert.All(result.Numbers, value => Assert.True(value <= 0)));
        Assert.Empty(device.Found);
    }

    public static TheoryData<string> Mutations => [.. MutatedStages.All.Keys];

    [Theory]
    [MemberData(nameof(Mutations))]
    public async Task Train_ABodyLeavesAFenceOut_IsFoundAndNamesTheBufferAndBothAccesses(string mutation)
    {
        var @case = TrainingCase.Small with { Capacities = new Capacities(2, 1, 2, 2, 2, 1), Bf16 = mutation.EndsWith("bf16", StringComparison.Ordinal) };
        var (change, first, second) = MutatedStages.All[mutation];
        using var device = new ClockedDevice();
        var plan = change(@case.Plan());
        using var store = @case.CreateStore(plan);
        var run = plan.Start(store, device);
        var thrown = await Record.ExceptionAsync(() => RunAsync(run, @case).WaitAsync(Bound));
        await run.DisposeAsync().AsTask().WaitAsync(Bound);
        var found = Assert.IsType<UnorderedAccessException>(Assert.IsType<StageException>(thrown).InnerException);
        Assert.Same(found, device.Found[0]);
        Assert.Matches(@"^device buffer \d+ \(\d+ (Float32|BFloat16)\)$", found.Buffer);
        Assert.Matches(first, found.First);
        Assert.Matches(second, found.Second);
        Assert.StartsWith($"{found.Buffer}: {found.First} and {found.Second}, and no fence orders the two; ", found.Message, StringComparison.Ordinal);
        Leaks.RequireLeasesBack(run);
    }

    /// <summary>The same bodies on a device of one thread: nothing shows, which is why there is this device.</summary>
    [Fact]
    public async Task Train_ABodyLeavesAFenceOutOnACpu_ShowsNothing()
    {
        var @case = TrainingCase.Small with { Capacities = new Capacities(2, 1, 2, 2, 2, 1) };
        var plain = await @case.TrainAsync();
        var mutated = await @case.TrainAsync(rewire: MutatedStages.All["upload leaves no fence"].Change);
        Assert.True(plain.IsBitwise(mutated));
    }

    [Fact]
    public async Task Download_OfATensorThatIsFreedTooEarly_IsFound()
    {
        using var device = new ClockedDevice(threads: 1);
        using var host = new HostBuffer(16);
        var error = await Assert.ThrowsAsync<UnorderedAccessException>(() => device.Lane.RunAsync(() =>
        {
            var x = ones(4).DetachFromDisposeScope();
            device.Download(DeviceBuffer.Of(x), 16, host, device.RecordCompute());
            x.Dispose();
            device.RecordCompute();
        }));
        Assert.Equal("its memory is freed", error.Second);
        await device.Lane.RunAsync(() =>
        {
            var x = ones(4).DetachFromDisposeScope();
            device.ComputeWaits(device.Download(DeviceBuffer.Of(x), 16, host, device.RecordCompute()));
            x.Dispose();
            device.RecordCompute();
        });
    }

    [Fact]
    public async Task Download_OfATensorWithNoFence_IsFound()
    {
        using var device = new ClockedDevice(threads: 1);
        using var host = new HostBuffer(16);
        await Assert.ThrowsAsync<UnorderedAccessException>(() => device.Lane.RunAsync(() =>
        {
            using var x = ones(4);
            device.Download(DeviceBuffer.Of(x), 16, host, Fence.Completed);
        }));
    }

    [Fact]
    public async Task HostMemory_BeforeTheDownloadWasWaitedFor_IsNaN()
    {
        using var device = new ClockedDevice(threads: 1);
        using var host = new HostBuffer(16);
        var fence = await device.Lane.RunAsync(() =>
        {
            using var x = ones(4);
            return device.Download(DeviceBuffer.Of(x), 16, host, device.RecordCompute());
        });
        Assert.False(fence.IsComplete);
        Assert.All(host.Span<float>(0, 4).ToArray(), value => Assert.True(float.IsNaN(value)));
        await fence.WaitAsync();
        Assert.True(fence.IsComplete);
        Assert.All(host.Span<float>(0, 4).ToArray(), value => Assert.Equal(1, value));
    }

    [Fact]
    public void Record_OffTheLane_IsRefused()
    {
        using var device = new ClockedDevice(threads: 1);
        Assert.Throws<InvalidOperationException>(() => device.RecordCompute());
        Assert.Throws<InvalidOperationException>(() => device.ComputeWaits(Fence.Completed));
    }

    private static async Task RunAsync(TrainingRun run, TrainingCase @case)
    {
        await foreach (var _ in run.StepsAsync(@case.Batches(), ahead: 1))
        {
        }
    }
}
