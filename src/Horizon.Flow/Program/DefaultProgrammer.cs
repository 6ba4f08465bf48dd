using System.Collections.Concurrent;
using Horizon.Flow.Activations;
using Horizon.Flow.Resources;
using Horizon.Flow.Units;

namespace Horizon.Flow.Program;

/// <summary>
/// The default programs. Training: one micro-batch after another; each goes forward through all layers, through the head, and back in
/// segments of <see cref="TrainingOptions.RecomputeInterval"/> layers, each recomputed forwards from its kept input and differentiated
/// backwards. So a unit goes up twice at most and runs forward twice at most, whatever the interval. A layer whose activations are kept is a
/// segment of its own, and runs forward once. A layer with its parts (<see cref="IUnitTemplate.IsPart"/>) is one, too: each part is recomputed right before its own
/// backward, from what the layer leaves for all of them.
/// </summary>
public sealed class DefaultProgrammer : IStepProgrammer
{
    private readonly ModelDefinition _model;
    private readonly ActivationTable _activations;
    private readonly Func<int, bool> _isTrained;
    private readonly int _returnAhead;
    private readonly ConcurrentDictionary<(StepPurpose, int), StepProgram> _programs = [];

    /// <summary>Prepares the programs of a model.</summary>
    /// <param name="model">The model.</param>
    /// <param name="options">For the recompute interval, the layers' policies and the buffers of inputs that come back.</param>
    /// <param name="isTrained">Whether a unit is trained, by its index.</param>
    public DefaultProgrammer(ModelDefinition model, TrainingOptions options, Func<int, bool> isTrained)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(isTrained);
        _model = model;
        _activations = new ActivationTable(model, options, isTrained);
        _isTrained = isTrained;
        _returnAhead = options.Pipeline.ReturnBuffers;
    }

    /// <inheritdoc/>
    public StepProgram ProgramFor(StepRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        return _programs.GetOrAdd((request.Purpose, request.MicroBatches), key =>
        {
            var builder = new ProgramBuilder();
            for (var microBatch = 0; microBatch < key.Item2; microBatch++)
            {
                if (key.Item1 == StepPurpose.Train) new TrainingPass(this, builder, microBatch).Write();
                else Pass(builder, key.Item1, microBatch);
            }

            return builder.Build();
        });
    }

    private void Pass(ProgramBuilder builder, StepPurpose purpose, int microBatch)
    {
        var op = purpose switch { StepPurpose.Evaluate => Ops.Score, StepPurpose.Logits => Ops.Logits, _ => Ops.LogProbabilities };
        var hidden = builder.Forward(_model, microBatch: microBatch);
        builder.Visit(op, _model.Head.Unit, _model.Hidden.Count, builder.Weights(_model.Head.Unit), [hidden], [], microBatch, loss: op == Ops.Score, result: op != Ops.Score);
    }

    /// <summary>One micro-batch's part of a training step.</summary>
    private sealed class TrainingPass
    {
        private readonly DefaultProgrammer _owner;
        private readonly ProgramBuilder _builder;
        private readonly int _microBatch;
        private readonly int?[] _inputs;
        private readonly int[] _tapes;
        private readonly int[] _offloaded;
        private readonly Queue<int> _toReturn;
        private int _returned;
        private int _outputGradient;

        public TrainingPass(DefaultProgrammer owner, ProgramBuilder builder, int microBatch)
        {
            (_owner, _builder, _microBatch) = (owner, builder, microBatch);
            var layers = Model.Hidden.Count;
            (_inputs, _tapes, _offloaded) = (new int?[layers + 1], new int[layers], new int[layers]);
            _toReturn = new(Activations.Segments.Select(segment => segment.First).Where(Offloads));
        }

        private ModelDefinition Model => _owner._model;

        private ActivationTable Activations => _owner._activations;

        public void Write()
        {
            for (var layer = 0; layer < Model.Hidden.Count; layer++) Forward(layer);
            Head();
            var offloadedSegments = 0;
            foreach (var (first, count) in Activations.Segments)
            {
                if (Offloads(first)) ReturnUpTo(offloadedSegments++ + _owner._returnAhead);
                Back(first, count);
            }
        }

        private void Forward(int layer)
        {
            var unit = UnitOf(layer);
            var weights = _builder.Weights(unit);
            if (Keeps(layer))
            {
                _tapes[layer] = _builder.Value($"tape{layer}", ValueKind.Tape, [_inputs[layer]], isNarrow: Activations.PolicyOf(layer) == ActivationPolicy.KeepNarrow);
                _inputs[layer + 1] = _builder.Value($"h{layer + 1}");
                Visit(Ops.Recompute, layer, weights, [_inputs[layer]], [_tapes[layer], _inputs[layer + 1]!.Value]);
                return;
            }

            if (Offloads(layer))
            {
                // Before the layer's own operators, which hide the copy.
                _offloaded[layer] = _builder.Value($"h{layer} on the host", ValueKind.Rented, pool: PoolNames.OffloadedInputs);
                Visit(Ops.Offload, layer, null, [_inputs[layer]], [_offloaded[layer]]);
            }

            _inputs[layer + 1] = _builder.Value($"h{layer + 1}");
            Visit(Ops.Forward, layer, weights, [_inputs[layer]], [_inputs[layer + 1]!.Value]);
        }

        private void Head()
        {
            var (unit, layers) = (Model.Head.Unit, Model.Hidden.Count);
            _outputGradient = _builder.Value($"d{layers}");
            _builder.Visit(
                Ops.Head, unit, layers, _builder.Weights(unit), [_inputs[layers]], [_outputGradient], _microBatch, gradient: _owner._isTrained(unit), loss: true);
        }

        private void Back(int first, int count)
        {
            var weights = new int?[count];
            var input = _inputs[first];
            for (var i = 0; i < count; i++)
            {
                var layer = first + i;
                if (Activations.IsPart(layer)) continue; // all of a layer's parts read what the first one did
                var template = Model.Hidden[layer].Template;
                // A kept tape that cannot be bound has its weights with it.
                weights[i] = template.BackwardNeedsWeights && (!Keeps(layer) || template.CanBindTapes) ? _builder.Weights(UnitOf(layer)) : null;
                if (Keeps(layer)) continue;
                input = Recompute(layer, weights[i], input, givesOutput: i < count - 1) ?? input;
            }

            for (var i = count - 1; i >= 0; i--)
            {
                var layer = first + i;
                if (Activations.IsPart(layer)) Recompute(layer, weights[i] = _builder.Weights(UnitOf(layer)), input, givesOutput: false);
                int[] writes = layer == Activations.LowestTrainedLayer ? [] : [_builder.Value($"d{layer}")];
                _builder.Visit(
                    Ops.Backward, UnitOf(layer), layer, weights[i], [_tapes[layer], _outputGradient], writes, _microBatch, gradient: _owner._isTrained(UnitOf(layer)));
                if (writes.Length > 0) _outputGradient = writes[0];
            }
        }

        // Gives the output again, where it is asked for.
        private int? Recompute(int layer, int? weights, int? input, bool givesOutput)
        {
            var tape = _tapes[layer] = _builder.Value($"tape{layer}", ValueKind.Tape, [input, weights]);
            int? output = givesOutput ? _builder.Value($"h{layer + 1} again", partOf: tape) : null;
            Visit(Ops.Recompute, layer, weights, [input], output is { } again ? [tape, again] : [tape]);
            return output;
        }

        // Each comes back so many segments before it is read as there are buffers for it.
        private void ReturnUpTo(int count)
        {
            for (; _returned < count && _toReturn.TryDequeue(out var layer); _returned++)
            {
                var back = _builder.Value($"h{layer} returned", ValueKind.Rented, pool: PoolNames.ReturnedInputs);
                Visit(Ops.Return, layer, null, [_offloaded[layer]], [back]);
                _inputs[layer] = back;
            }
        }

        private void Visit(string op, int layer, int? weights, IEnumerable<int?> reads, IEnumerable<int> writes) =>
            _builder.Visit(op, UnitOf(layer), layer, weights, reads, writes, _microBatch);

        private int UnitOf(int layer) => Model.Hidden[layer].Unit;

        private bool Keeps(int layer) => Activations.Keeps(layer);

        private bool Offloads(int layer) => Activations.Offloads(layer);
    }
}
