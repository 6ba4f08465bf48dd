using Horizon.Flow.Activations;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Units;
using static System.FormattableString;

namespace Horizon.Flow.Resources;

/// <summary>
/// What a plan will use where, known before anything is allocated. Host: parameters, moments, slabs. Device: (weight buffers + gradient
/// buffers) x largest unit + kept inputs and tapes + the work in hand, at the moment when these take most.
/// </summary>
public sealed class MemoryBudget
{
    /// <summary>The kind of inputs that wait for backward.</summary>
    public const string KeptInputs = "kept inputs";

    /// <summary>The kind of tapes of layers that are not computed again.</summary>
    public const string KeptTapes = "kept tapes";

    /// <summary>The kind of what one visit needs.</summary>
    public const string WorkInHand = "work in hand";

    /// <summary>The kind of what is resident before anything is allocated.</summary>
    public const string RuntimeAndLibraries = "runtime and libraries";

    private MemoryBudget(IReadOnlyList<MemoryItem> items) => Items = items;

    /// <summary>All lines.</summary>
    public IReadOnlyList<MemoryItem> Items { get; }

    /// <summary>Bytes on the host.</summary>
    public long HostBytes => Items.Where(item => item.Place == MemoryPlace.Host).Sum(item => item.Bytes);

    /// <summary>Bytes on the device.</summary>
    public long DeviceBytes => Items.Where(item => item.Place == MemoryPlace.Device).Sum(item => item.Bytes);

    /// <summary>The budget with one line more.</summary>
    public MemoryBudget With(MemoryItem item) => new([.. Items, item]);

    /// <summary>The budget of a plan.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="precision">How the store keeps parameters.</param>
    /// <param name="rows">Rows of a micro-batch; 0 leaves activations out.</param>
    /// <param name="sequenceLength">Tokens of a row.</param>
    /// <param name="gpu">Whether it computes on a GPU: its kernels need fewer temporaries, its libraries and its allocator take memory.</param>
    /// <param name="packed">Whether rows may hold several documents.</param>
    /// <param name="deterministic">Whether two runs give the same bits (<see cref="IUnitOperators.IsDeterministic"/>).</param>
    /// <param name="mostTokens">Tokens that no micro-batch has more of; null for all that the rows can hold.</param>
    /// <param name="operators">What the device computes by kernels of its own, which may need less; null where that is not known.</param>
    /// <param name="wholeRows">Whether every row is known to be one document that fills it.</param>
    public static MemoryBudget Of(
        TrainingPlan plan, StorePrecision precision, long rows = 0, long sequenceLength = 0, bool gpu = false, bool packed = false, bool deterministic = true,
        long? mostTokens = null, IUnitOperators? operators = null, bool wholeRows = false)
    {
        ArgumentNullException.ThrowIfNull(plan);
        var model = plan.Model;
        var element = precision == StorePrecision.Fp32 ? 4 : 2;
        var trained = model.Units.Select(plan.Options.IsTrainable).ToList();
        List<UnitLayout> stored = [.. model.Units.Select(plan.Options.StoreLayout)];
        var parameters = stored.Sum(unit => unit.ElementCount);
        var trainedParameters = stored.Where((_, i) => trained[i]).Sum(unit => unit.Trained.ElementCount);
        var state = stored.Where((_, i) => trained[i]).SelectMany(unit => plan.Options.Optimizer.DescribeState(unit.Trained)).Sum(buffer => buffer.ByteLength);
        var items = new List<MemoryItem>
        {
            new(MemoryPlace.Host, "weights", parameters * element, Count(parameters, element)),
        };
        if (precision == StorePrecision.Bf16)
            items.Add(new(MemoryPlace.Host, "differences to the fp32 masters", trainedParameters * 2, Count(trainedParameters, 2)));
        items.Add(new(MemoryPlace.Host, $"optimizer state ({plan.Options.Optimizer.Name})", state, Invariant($"{(double)state / Math.Max(1, trainedParameters):0.##} bytes x {trainedParameters:N0} trained parameters")));
        items.AddRange(plan.UnitStates.Select(own => new MemoryItem(MemoryPlace.Host, own.Name, stored.Sum(own.BytesOf), "state of the user's own, by unit")));
        var batch = new BatchShape(rows, sequenceLength, precision == StorePrecision.Fp32 ? ElementType.Float32 : ElementType.BFloat16)
        {
            FusedOperators = gpu && precision == StorePrecision.Bf16,
            OnProcessor = !gpu,
            Delta = operators?.Delta,
            RowAttention = operators?.RowAttention,
            Packed = packed,
            Deterministic = deterministic,
            WholeRows = wholeRows,
            MostTokens = mostTokens,
        };
        var sizing = new PoolSizing(plan, batch.Type, batch.Tokens > 0 ? batch : null);
        items.AddRange(plan.Pools.SelectMany(pool => pool.MemoryIn(sizing)));
        if (batch.Tokens > 0) items.AddRange(Activations(plan, batch));
        if (gpu) items.AddRange(Overhead(plan, batch));
        return new MemoryBudget(items);
    }

    /// <summary>A pool with its bytes, for drawings.</summary>
    public string DescribePool(string pool)
    {
        var item = Items.FirstOrDefault(one => one.Kind == pool);
        return item is null ? pool : $"{pool}: {new ByteSize(item.Bytes)}";
    }

    private static IEnumerable<MemoryItem> Activations(TrainingPlan plan, BatchShape batch)
    {
        var model = plan.Model;
        var hidden = model.HiddenSize * batch.TokenBytes;
        var peak = ActivationPeak.Of(model, ActivationTable.Of(plan), batch);
        yield return new(MemoryPlace.Device, KeptInputs, peak.Inputs * hidden, Invariant($"{peak.Inputs} of [{batch.Tokens:N0}, {model.HiddenSize}]"));
        if (peak.Tapes > 0)
            yield return new(MemoryPlace.Device, KeptTapes, peak.TapeBytes, Invariant($"{peak.Tapes} layer(s) that are not computed again"));
        yield return new(MemoryPlace.Device, WorkInHand, peak.Working, Invariant($"at {peak.Moment}, where activations take most"));
    }

    // Measured on an H100 over 21 settings (docs/benchmarks/2026-11-26-plan.md), with segments that grow: the driver's use above the sum of all tensors. Beside the
    // context, libtorch's allocator splits a block for smaller ones that stay, and has to make another; and one for what attention's backward sums, two of long rows.
    private static IEnumerable<MemoryItem> Overhead(TrainingPlan plan, BatchShape batch)
    {
        const long Libraries = 922L << 20;
        yield return new(MemoryPlace.Device, "context and libraries", Libraries, "of the GPU's driver, libtorch and its caches; measured");
        yield return new(MemoryPlace.Host, RuntimeAndLibraries, 1360L << 20, "of .NET, libtorch and CUDA, resident beside all buffers; measured");
        if (batch.Tokens == 0) yield break;
        var largest = plan.Model.Hidden.Select(binding => binding.Template.LargestTensorBytes(plan.Model.Units[binding.Unit], batch)).DefaultIfEmpty(0).Max();
        var hidden = (batch.SequenceLength < TokenPieces.LongestUncutRow || batch.UncutTokens == 0 ? 3L : 6L) * plan.Model.HiddenSize;
        yield return new(
            MemoryPlace.Device, "split blocks", largest + (hidden * batch.TokenBytes), Invariant($"of libtorch's allocator: one of {new ByteSize(largest)}, one of [{batch.Tokens:N0}, {hidden:N0}]; measured"));
    }

    private static string Count(long count, int bytes) => Invariant($"{bytes} bytes x {count:N0} parameters");
}
