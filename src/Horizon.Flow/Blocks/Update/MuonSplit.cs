using Horizon.Flow.Host.Gradients;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;

namespace Horizon.Flow.Blocks;

/// <summary>How a unit is divided: its matrices, each with its place in the momentum, and a layout of what AdamW updates.</summary>
internal sealed class MuonSplit
{
    private readonly bool _isAdamWAlone;
    private readonly IReadOnlyList<ParameterSlot> _restSlots;

    public MuonSplit(UnitLayout layout)
    {
        var matrices = new List<(ParameterSlot, long)>();
        foreach (var slot in layout.Parameters.Where(Muon.IsMatrix))
        {
            matrices.Add((slot, MatrixElements));
            MatrixElements += slot.Count;
        }

        Matrices = matrices;
        _isAdamWAlone = matrices.Count == 0;
        _restSlots = [.. layout.Parameters.Where(slot => !Muon.IsMatrix(slot))];
        Rest = _isAdamWAlone ? layout : new UnitLayout(
            layout.Name, layout.Kind, _restSlots.Select(slot => (slot.Role, slot.TensorName, slot.Shape.ToArray())),
            _restSlots.Where(slot => slot.IsFixed).Select(slot => slot.Role).ToHashSet());
    }

    /// <summary>Each matrix and its first element in the momentum.</summary>
    public IReadOnlyList<(ParameterSlot Slot, long MomentumOffset)> Matrices { get; }

    /// <summary>Elements of all matrices.</summary>
    public long MatrixElements { get; }

    /// <summary>The other parameters, one after another.</summary>
    public UnitLayout Rest { get; }

    /// <summary>AdamW for the other parameters. Beside matrices they are few (norms and biases), and go through a small copy.</summary>
    public void UpdateRest(IHostOptimizer adamW, UnitState unit, HostGradientView gradient, OptimizerStep step, HostWorkers workers)
    {
        if (_isAdamWAlone)
        {
            adamW.Update(unit, gradient, step, workers);
            return;
        }

        if (_restSlots.Count == 0) return;
        using var masters = new HostBuffer(Rest.ElementCount * sizeof(float));
        using var gradients = new HostBuffer(Rest.ElementCount * sizeof(float));
        foreach (var (own, copy) in _restSlots.Zip(Rest.Parameters))
        {
            unit.ReadMasters(own.Offset, masters.Span<float>(copy.Offset, (int)copy.Count));
            gradient.Read(own.Offset, gradients.Span<float>(copy.Offset, (int)copy.Count));
        }

        var part = new UnitState(Rest, masters, null, [.. unit.OptimizerState.Skip(1)]);
        adamW.Update(part, new HostGradientView(gradients.Address, ElementType.Float32, Rest.ElementCount), step, workers);
        foreach (var (own, copy) in _restSlots.Zip(Rest.Parameters))
            unit.WriteMasters(own.Offset, masters.Span<float>(copy.Offset, (int)copy.Count));
    }
}
