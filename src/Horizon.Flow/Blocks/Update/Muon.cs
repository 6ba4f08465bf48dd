using System.Globalization;
using System.IO.Enumeration;
using System.Runtime.CompilerServices;
using System.Threading.Tasks.Dataflow;
using Horizon.Flow.Devices;
using Horizon.Flow.Graph;
using Horizon.Flow.Host.Gradients;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;
using Horizon.Flow.Messages;
using Horizon.Flow.Resources;
using static TorchSharp.torch;

namespace Horizon.Flow.Blocks;

/// <summary>
/// Muon (Keller Jordan et al., 2024, https://kellerjordan.github.io/posts/muon/) for the matrices of the hidden layers, AdamW for the rest:
/// embeddings, the output projection, norms and biases. For a matrix of r x c with gradient g, orth being <see cref="NewtonSchulz"/>:
/// <code>
/// M = momentum M + g
/// W = W (1 - lr wd) - lr 0.2 sqrt(max(r, c)) orth(g + momentum M)
/// </code>
/// The scale is Moonlight's (Liu et al., arXiv 2502.16982, equation 4): updates have the root mean square of AdamW's, so that both share
/// learning rate and decay. State: one fp32 number for each element of a matrix, AdamW's two for the rest.
/// </summary>
/// <remarks>In a graph <see cref="MuonUpdateBlock"/> computes orth on the device; <see cref="Update"/> does it on the CPU.</remarks>
public sealed class Muon : IUpdateStage
{
    internal const string RuleName = "muon";

    private const string PoolName = "muon workspace";

    private static readonly string[] _ends = ["*embed*", "*lm_head*"];

    private readonly ConditionalWeakTable<UnitLayout, MuonSplit> _splits = [];
    private readonly OptimizerOptions _options;
    private readonly IHostOptimizer _adamW;

    /// <summary>Creates the rule.</summary>
    /// <param name="options">Momentum, decay and groups; the moments' rates and epsilon are AdamW's. Null for the defaults.</param>
    /// <exception cref="HorizonException">A setting is out of its range.</exception>
    public Muon(OptimizerOptions? options = null)
    {
        _options = options ?? new();
        _adamW = OptimizerFactory.Create("adamw", _options);
    }

    /// <inheritdoc/>
    public string Name => RuleName;

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, string> StateSettings => new Dictionary<string, string>(_adamW.StateSettings)
    {
        ["momentum"] = _options.Momentum.ToString("R", System.Globalization.CultureInfo.InvariantCulture),
    };

    /// <inheritdoc/>
    public IReadOnlyList<ITrainingPool> Pools { get; } = [Workspaces];

    /// <summary>The matrix in hand, on both sides of the link.</summary>
    private static PoolSpec<LeasePool<MuonWorkspace>> Workspaces { get; } = new(
        PoolName,
        _ => 1,
        (run, count) => new(PoolName, count, () => new MuonWorkspace(run.Device, LargestMatrix(TrainedUnits(run.Plan))?.Count ?? 0, run.Store.WeightType)))
    {
        Memory = WorkspaceMemory,
    };

    /// <inheritdoc/>
    public IPropagatorBlock<HostGradient, UnitUpdated> CreateStage(TrainingContext run, StageOptions stage)
    {
        ArgumentNullException.ThrowIfNull(run);
        return new MuonUpdateBlock(run.Store, this, run.Workers, run.Pool(Workspaces), stage, run.Guard());
    }

    /// <summary>Whether Muon updates the parameter: it has two dimensions, and is neither an embedding nor the output projection.</summary>
    public static bool IsMatrix(ParameterSlot slot)
    {
        ArgumentNullException.ThrowIfNull(slot);
        return slot.Shape.Count == 2 && !_ends.Any(pattern => FileSystemName.MatchesSimpleExpression(pattern, slot.TensorName, ignoreCase: false));
    }

    /// <summary>The matrix with the most elements that Muon updates; null without one.</summary>
    public static ParameterSlot? LargestMatrix(IEnumerable<UnitLayout> units)
    {
        ArgumentNullException.ThrowIfNull(units);
        return units.SelectMany(unit => unit.Parameters).Where(IsMatrix).MaxBy(slot => slot.Count);
    }

    /// <inheritdoc/>
    public IReadOnlyList<OptimizerBuffer> DescribeState(UnitLayout layout)
    {
        var split = SplitOf(layout);
        return
        [
            .. split.MatrixElements > 0 ? [new OptimizerBuffer("momentum", split.MatrixElements * sizeof(float))] : Array.Empty<OptimizerBuffer>(),
            .. split.Rest.ElementCount > 0 ? _adamW.DescribeState(split.Rest) : [],
        ];
    }

    /// <inheritdoc/>
    public long GrainOf(ParameterSlot slot) => IsMatrix(slot) ? slot.Count : _adamW.GrainOf(slot);

    /// <inheritdoc/>
    public void Update(UnitState unit, HostGradientView gradient, OptimizerStep step, HostWorkers workers)
    {
        ArgumentNullException.ThrowIfNull(unit);
        var largest = LargestMatrix([unit.Layout])?.Count ?? 0;
        using var scratch = new HostBuffer(largest * unit.WeightType.ByteSize());
        using var onCpu = largest > 0 ? new DeviceBuffer(CPU, largest, unit.WeightType) : null;
        var updated = UpdateAsync(unit, gradient, step, workers, scratch, slot =>
        {
            var bytes = slot.Count * unit.WeightType.ByteSize();
            HostCopy.Copy(scratch.Address, onCpu!.Address, bytes);
            OrthogonalizeInPlace(onCpu, slot);
            HostCopy.Copy(onCpu.Address, scratch.Address, bytes);
            return ValueTask.CompletedTask;
        });
        updated.AsTask().GetAwaiter().GetResult(); // nothing in it waits
    }

    /// <summary>One step for one unit.</summary>
    /// <param name="unit">The unit's buffers.</param>
    /// <param name="gradient">Its flat gradient, before scaling.</param>
    /// <param name="step">What holds for the whole step.</param>
    /// <param name="workers">The threads to use.</param>
    /// <param name="scratch">At least the largest matrix in the type of the weights.</param>
    /// <param name="orthogonalize">Replaces the matrix that lies in <paramref name="scratch"/> by its orthogonal one.</param>
    internal async ValueTask UpdateAsync(
        UnitState unit, HostGradientView gradient, OptimizerStep step, HostWorkers workers, HostBuffer scratch, Func<ParameterSlot, ValueTask> orthogonalize)
    {
        if (gradient.Count != unit.Layout.ElementCount)
            throw new ArgumentException($"{unit.Layout.Name} has {unit.Layout.ElementCount} parameters, its gradient {gradient.Count}", nameof(gradient));
        var split = SplitOf(unit.Layout);
        var direction = new HostGradientView(scratch.Address, unit.WeightType, scratch.ByteLength / unit.WeightType.ByteSize());
        foreach (var (slot, momentumOffset) in split.Matrices)
        {
            var matrix = new MuonMatrix(unit, slot, momentumOffset, _options, step);
            matrix.FindDirection(gradient, direction, workers);
            await orthogonalize(slot).ConfigureAwait(false);
            matrix.Apply(direction, workers);
        }

        split.UpdateRest(_adamW, unit, gradient, step, workers);
    }

    /// <summary>Replaces the matrix at the start of a device buffer by its orthogonal one.</summary>
    internal static void OrthogonalizeInPlace(DeviceBuffer buffer, ParameterSlot slot)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var matrix = buffer.Flat.narrow(0, 0, slot.Count).view([.. slot.Shape]);
        matrix.copy_(NewtonSchulz.Orthogonalize(matrix));
    }

    private static IEnumerable<UnitLayout> TrainedUnits(TrainingPlan plan) => plan.Model.Units.Where(plan.Options.IsTrainable).Select(unit => unit.Trained);

    private static IEnumerable<MemoryItem> WorkspaceMemory(PoolSizing sizing)
    {
        if (LargestMatrix(TrainedUnits(sizing.Plan)) is not { } matrix) yield break;
        var element = sizing.WeightType.ByteSize();
        yield return new(MemoryPlace.Host, PoolName, matrix.Count * element, string.Create(CultureInfo.InvariantCulture, $"{element} bytes x {matrix.Count:N0} parameters"));
        yield return new(
            MemoryPlace.Device, $"{PoolName} on the device", (matrix.Count * element) + NewtonSchulz.WorkingBytes(matrix.Shape[0], matrix.Shape[1], element),
            $"Newton-Schulz of [{matrix.Shape[0]}, {matrix.Shape[1]}]");
    }

    private MuonSplit SplitOf(UnitLayout layout) => _splits.GetValue(layout, one => new MuonSplit(one));
}
