using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Tests.Families;

/// <summary>A device with linear attention of its own: token by token, one document after another, derived by autograd.</summary>
internal sealed class OwnDelta() : OperatorsWrapper(new EagerOperators()), IDeltaOperators
{
    /// <summary>How often it ran, and how often it was asked for gradients.</summary>
    public (int Runs, int Backwards) Calls { get; private set; }

    public override IDeltaOperators Delta => this;

    public bool Takes(DeltaHeads heads, ScalarType type) => true;

    public IWrittenStep Run(DeltaInputs inputs, DeltaHeads heads, Tensor? documents, bool keeps)
    {
        Assert.False(is_grad_enabled());
        Calls = (Calls.Runs + 1, Calls.Backwards);
        return new Pass(this, inputs, heads, documents);
    }

    private sealed class Pass : IWrittenStep
    {
        private readonly OwnDelta _owner;
        private readonly Tensor[] _leaves;
        private readonly Tensor _output;

        public Pass(OwnDelta owner, DeltaInputs inputs, DeltaHeads heads, Tensor? documents)
        {
            _owner = owner;
            using var scope = NewDisposeScope();
            using (enable_grad())
            {
                _leaves = [.. inputs.Tensors.Select(x => x.detach().to(float64).requires_grad_())];
                _output = stack([.. Enumerable.Range(0, (int)inputs.Mixed.shape[0]).Select(row => Row(_leaves, row, heads, documents?[row].data<long>().ToArray(), inputs.Epsilon))], 0);
            }

            Output = _output.detach().to(inputs.Mixed.dtype).MoveToOuterDisposeScope();
            foreach (var tensor in _leaves.Append(_output)) tensor.DetachFromDisposeScope();
        }

        public Tensor Output { get; }

        public IReadOnlyList<Tensor?> Backward(Tensor outputGradient)
        {
            _owner.Calls = (_owner.Calls.Runs, _owner.Calls.Backwards + 1);
            return [.. autograd.grad([_output], _leaves, [outputGradient.to(float64)]).Select(gradient => gradient.to(outputGradient.dtype))];
        }

        public void Dispose()
        {
            foreach (var tensor in _leaves.Append(_output)) tensor.Dispose();
        }

        // [S, V * E].
        private static Tensor Row(Tensor[] x, int row, DeltaHeads heads, long[]? documents, double epsilon)
        {
            var outputs = new List<Tensor>();
            var state = zeros([heads.Values, heads.KeyWidth, heads.ValueWidth], float64);
            for (var place = 0; place < x[0].shape[1]; place++)
            {
                bool Together(int back) => back <= place && (documents is null || documents[place - back] == documents[place]);
                if (!Together(1)) state = zeros_like(state);
                var sum = x[0][row, place] * x[1].select(1, heads.Taps - 1);
                for (var back = 1; back < heads.Taps; back++)
                    if (Together(back)) sum = sum.Plus(x[0][row, place - back] * x[1].select(1, heads.Taps - 1 - back));
                var all = sum.silu();
                Tensor Units(int first)
                {
                    var part = all.narrow(0, first * heads.KeyWidth, heads.Keys * heads.KeyWidth).view(heads.Keys, heads.KeyWidth);
                    return (part * rsqrt(part.Squared().sum(-1, keepdim: true).Plus(1e-6))).repeat_interleave(heads.Values / heads.Keys, 0);
                }

                var (query, key, value) = (Units(0).Over(Math.Sqrt(heads.KeyWidth)), Units(heads.Keys), all.narrow(0, 2 * heads.Keys * heads.KeyWidth, heads.Values * heads.ValueWidth).view(heads.Values, -1));
                state = state * x[2][row, place].exp().view(-1, 1, 1);
                state = state.Plus(key.unsqueeze(-1) * ((value - (key.unsqueeze(-1) * state).sum(1)) * x[3][row, place].unsqueeze(-1)).unsqueeze(1));
                var mixed = (query.unsqueeze(-1) * state).sum(1);
                outputs.Add((mixed * rsqrt(mixed.Squared().mean([-1], keepdim: true).Plus(epsilon)) * x[5]).flatten() * x[4][row, place].silu());
            }

            return stack(outputs, 0);
        }
    }
}
