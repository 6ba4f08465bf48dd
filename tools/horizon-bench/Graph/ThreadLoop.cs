using System.Collections.Concurrent;
using Horizon.Flow.Devices;
using Horizon.Flow.Host.Gradients;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;
using Horizon.Flow.Resources;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Bench;

/// <summary>
/// What one would write by hand instead of a graph: four threads and bounded queues, double buffering, versions as semaphores. The same
/// templates, copies and optimizer; no faults, no pools to reclaim, no accumulation, no clipping, one layer recomputed at a time.
/// </summary>
internal sealed class ThreadLoop : IDisposable
{
    private readonly ModelDefinition _model;
    private readonly ParameterStore _store;
    private readonly CpuDevice _device = new();
    private readonly IHostOptimizer _optimizer;
    private readonly HostWorkers _workers = new(1);
    private readonly BlockingCollection<(int Layer, Pass Pass)> _requests = new(2);
    private readonly BlockingCollection<(int Layer, Pass Pass, DeviceSlot Slot)> _uploaded = new(2);
    private readonly BlockingCollection<(int Unit, DeviceSlot Slot)> _gradients = new(2);
    private readonly BlockingCollection<(int Unit, HostBuffer Slab)> _landed = new(2);
    private readonly BlockingCollection<DeviceSlot> _freeWeights = [], _freeGradients = [];
    private readonly BlockingCollection<HostBuffer> _freeSlabs = [];
    private readonly SemaphoreSlim[] _current;
    private readonly SemaphoreSlim _stepDone = new(0);
    private readonly Thread[] _threads;
    private readonly Tensor?[] _inputs;
    private DeviceBatch _batch = null!;
    private Tensor? _hidden, _gradient;
    private long _step;

    private enum Pass
    {
        Forward,
        Head,
        Backward,
    }

    public ThreadLoop(ModelDefinition model, ParameterStore store, IHostOptimizer optimizer)
    {
        _model = model;
        _store = store;
        _optimizer = optimizer;
        _inputs = new Tensor?[model.Hidden.Count];
        _current = [.. model.Units.Select(_ => new SemaphoreSlim(1))];
        var largest = model.Units.Max(unit => unit.ElementCount);
        for (var i = 0; i < 2; i++)
        {
            _freeWeights.Add(new DeviceSlot(_device.Allocate(largest, ElementType.Float32)));
            _freeGradients.Add(new DeviceSlot(_device.Allocate(largest, ElementType.Float32)));
        }

        for (var i = 0; i < 4; i++) _freeSlabs.Add(new HostBuffer(largest * sizeof(float)));
        _threads = [.. new Action[] { Upload, Compute, Download, Update }.Select(body => new Thread(() => body()) { IsBackground = true })];
        foreach (var thread in _threads) thread.Start();
    }

    public void Step(MicroBatch tokens)
    {
        _step++;
        _batch = new DeviceBatch(tensor(tokens.InputIds).view(tokens.Rows, -1), tensor(tokens.Targets).view(tokens.Rows, -1), tensor(tokens.Positions).view(tokens.Rows, -1), null);
        for (var layer = 0; layer < _model.Hidden.Count; layer++) _requests.Add((layer, Pass.Forward));
        _requests.Add((_model.Hidden.Count, Pass.Head));
        for (var layer = _model.Hidden.Count - 1; layer >= 0; layer--) _requests.Add((layer, Pass.Backward));
        foreach (var _ in _model.Units) _stepDone.Wait();
        _batch.Dispose();
    }

    public void Dispose()
    {
        _requests.CompleteAdding();
        foreach (var thread in _threads) thread.Join();
        _device.Dispose();
        _workers.Dispose();
    }

    private int UnitOf(int layer) => layer == _model.Hidden.Count ? _model.Head.Unit : _model.Hidden[layer].Unit;

    private void Upload()
    {
        foreach (var (layer, pass) in _requests.GetConsumingEnumerable())
        {
            var unit = UnitOf(layer);
            if (pass is Pass.Forward or Pass.Head) _current[unit].Wait();
            var slot = _freeWeights.Take();
            _device.Upload(_store.Units[unit].Weights, _model.Units[unit].ElementCount * sizeof(float), slot.Buffer, Fence.Completed);
            _uploaded.Add((layer, pass, slot));
        }

        _uploaded.CompleteAdding();
    }

    private void Compute()
    {
        using var noGrad = no_grad();
        foreach (var (layer, pass, slot) in _uploaded.GetConsumingEnumerable())
        {
            using var scope = NewDisposeScope();
            var unit = UnitOf(layer);
            var views = slot.ViewsOf(_model.Units[unit]);
            if (pass == Pass.Forward)
            {
                _inputs[layer] = _hidden;
                _hidden = _model.Hidden[layer].Template.Forward(views, _hidden, _batch).DetachFromDisposeScope();
            }
            else
            {
                var gradient = _freeGradients.Take();
                var gradientViews = gradient.ViewsOf(_model.Units[unit]);
                if (pass == Pass.Head)
                {
                    var result = _model.Head.Template.Differentiate(views, gradientViews, _hidden!, _batch, 1);
                    result.LossSum.Dispose();
                    Replace(ref _gradient, result.InputGradient.DetachFromDisposeScope());
                    Replace(ref _hidden, null);
                }
                else
                {
                    using var tape = _model.Hidden[layer].Template.Recompute(views, _inputs[layer], _batch);
                    Replace(ref _gradient, tape.Backward(_gradient!, gradientViews)?.DetachFromDisposeScope());
                    Replace(ref _inputs[layer], null);
                }

                _gradients.Add((unit, gradient));
            }

            _freeWeights.Add(slot);
        }

        _gradients.CompleteAdding();
    }

    private void Download()
    {
        foreach (var (unit, slot) in _gradients.GetConsumingEnumerable())
        {
            var slab = _freeSlabs.Take();
            _device.Download(slot.Buffer, _model.Units[unit].ElementCount * sizeof(float), slab, Fence.Completed);
            _freeGradients.Add(slot);
            _landed.Add((unit, slab));
        }

        _landed.CompleteAdding();
    }

    private void Update()
    {
        foreach (var (unit, slab) in _landed.GetConsumingEnumerable())
        {
            var view = new HostGradientView(slab.Address, ElementType.Float32, _model.Units[unit].ElementCount);
            GradientSweeps.SumOfSquares(view, _workers);
            _optimizer.Update(_store.Units[unit], view, new OptimizerStep(_step, 1e-4, 1), _workers);
            _freeSlabs.Add(slab);
            _current[unit].Release();
            _stepDone.Release();
        }
    }

    private static void Replace(ref Tensor? place, Tensor? value)
    {
        place?.Dispose();
        place = value;
    }
}
