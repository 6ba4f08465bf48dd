using Horizon.Flow.Devices;
using Horizon.Flow.Graph;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Messages;

namespace Horizon.Flow.Blocks;

/// <summary>Copies numbers to the host for whoever asked for them.</summary>
/// <remarks>
/// <para>Takes: <see cref="DeviceResult"/>. Gives: <see cref="HostResult"/>.</para>
/// <para>Waits when: the copy is under way. Completes when: told to, after the last result. On fault: as any stage. Owns: the tensor, disposed after the copy.</para>
/// </remarks>
public sealed class ResultsBlock(IComputeDevice device, StageOptions options) : StageBlock<DeviceResult, HostResult>(options, async (result, call) =>
{
    using var numbers = result.Numbers;
    var source = DeviceBuffer.Of(numbers);
    if (source.ElementCount > Array.MaxLength) throw new HorizonException($"the result of {result.Visit} has {source.ElementCount:N0} numbers, more than an array holds; give it in parts");
    using var target = new HostBuffer(Math.Max(1, source.ByteLength));
    await call.WaitFor(device.Download(source, source.ByteLength, target, result.Ready).WaitAsync()).ConfigureAwait(false);
    return new HostResult(result.Visit, target.Span<float>(0, (int)source.ElementCount).ToArray(), numbers.shape);
});
