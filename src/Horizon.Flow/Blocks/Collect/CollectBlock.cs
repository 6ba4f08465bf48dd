using Horizon.Flow.Graph;
using Horizon.Flow.Host.Workers;
using Horizon.Flow.Messages;

namespace Horizon.Flow.Blocks;

/// <summary>Copies a unit's whole gradient for whoever asked for it (<see cref="TrainingRun.GradientsAsync"/>): the way past the optimizer.</summary>
/// <remarks>
/// <para>Takes: <see cref="HostGradient"/>. Gives: <see cref="CollectedGradient"/>.</para>
/// <para>Waits when: another sweep has the host threads. Completes when: told to, after the last gradient. On fault: as any stage.</para>
/// <para>Owns: the slab, given back once it is copied.</para>
/// </remarks>
public sealed class CollectBlock(HostWorkers workers, StageOptions options) : StageBlock<HostGradient, CollectedGradient>(options, gradient =>
{
    using (gradient.Slab)
    {
        var count = gradient.View.Count;
        if (count > Array.MaxLength) throw new HorizonException($"the gradient of '{gradient.UnitName}' has {count:N0} elements, more than an array holds; tap Accumulate and read it piece by piece");
        var values = GC.AllocateUninitializedArray<float>((int)count);
        workers.Sweep(count, (_, first, length) => gradient.View.Read(first, values.AsSpan((int)first, length)));
        return new CollectedGradient(gradient.Visit, values);
    }
});
