using Horizon.Flow.Models;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Testing;

/// <summary>
/// A training loop as one would write it for a model that fits in memory: whole-graph autograd, the mean loss over all labelled
/// tokens of a step, clipping as torch.nn.utils.clip_grad_norm_ does it, AdamW by PyTorch's formula.
/// </summary>
public sealed class DenseTrainer : IDisposable
{
    private readonly DenseOptions _options;
    private readonly DenseModel _model;
    private readonly Dictionary<string, Tensor> _parameters;
    private readonly Dictionary<string, (Tensor First, Tensor Second)> _moments;
    private int _step;

    /// <summary>Takes copies of the initial values.</summary>
    /// <param name="config">The model.</param>
    /// <param name="initial">Every parameter, by the model folder's names.</param>
    /// <param name="options">The optimizer's settings.</param>
    public DenseTrainer(ModelConfig config, IReadOnlyDictionary<string, float[]> initial, DenseOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(initial);
        _options = options ?? new DenseOptions();
        LearningRate = _options.LearningRate;
        var shapes = ModelFamilies.Define(config).Units.SelectMany(unit => unit.Parameters)
            .ToDictionary(slot => slot.TensorName, slot => slot.Shape.ToArray());
        _parameters = initial.ToDictionary(
            entry => entry.Key,
            entry => tensor(entry.Value, shapes[entry.Key]).to(_options.Type).requires_grad_().DetachFromDisposeScope());
        _moments = _parameters.ToDictionary(
            entry => entry.Key,
            entry => (zeros_like(entry.Value).DetachFromDisposeScope(), zeros_like(entry.Value).DetachFromDisposeScope()));
        _model = new DenseModel(config, _parameters);
    }

    /// <summary>The rate of the next step; a schedule sets it.</summary>
    public double LearningRate { get; set; }

    /// <summary>The parameters as they are now, by the model folder's names.</summary>
    public IReadOnlyDictionary<string, float[]> Parameters => Values(tensor => tensor);

    /// <summary>The gradients of the last step, after clipping.</summary>
    public IReadOnlyDictionary<string, float[]> Gradients => Values(tensor => tensor.grad!);

    /// <summary>[rows * sequence * vocabulary] of the parameters as they are now.</summary>
    public float[] Logits(long[] ids, long[] positions, long[]? documents, int rows, int sequence)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        return _model.Logits(ids, positions, documents, rows, sequence).to(float32).data<float>().ToArray();
    }

    /// <summary>One optimizer step over all micro-batches.</summary>
    /// <returns>The mean loss (over the labelled tokens, unless the options say otherwise) and the gradient's global norm before clipping.</returns>
    public (double Loss, double GradNorm) Step(IReadOnlyList<MicroBatch> microBatches)
    {
        ArgumentNullException.ThrowIfNull(microBatches);
        var result = Differentiate(microBatches);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        _step++;
        foreach (var (name, parameter) in _parameters) Update(parameter, _moments[name]);
        return result;
    }

    /// <summary>Fills <see cref="Gradients"/> without changing a parameter.</summary>
    public (double Loss, double GradNorm) Differentiate(IReadOnlyList<MicroBatch> microBatches)
    {
        ArgumentNullException.ThrowIfNull(microBatches);
        using var scope = NewDisposeScope();
        using var grad = enable_grad();
        foreach (var parameter in _parameters.Values) parameter.grad = zeros_like(parameter);
        var count = microBatches.Sum(_options.LossCount);
        var loss = 0.0;
        foreach (var batch in microBatches)
        {
            var sum = _options.LossSum is { } objective
                ? objective(_model.Logits(batch.InputIds, batch.Positions, batch.Documents, batch.Rows, batch.SequenceLength), batch)
                : _model.LossSum(batch.InputIds, batch.Targets, batch.Positions, batch.Documents, batch.Rows, batch.SequenceLength);
            sum.Over(count).backward();
            loss += sum.to(float64).item<double>() / count;
        }

        return (loss, Clip());
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var (name, parameter) in _parameters)
        {
            parameter.grad = null;
            parameter.Dispose();
            _moments[name].First.Dispose();
            _moments[name].Second.Dispose();
        }
    }

    private double Clip()
    {
        using var noGrad = no_grad();
        var norm = Math.Sqrt(_parameters.Values.Sum(parameter => parameter.grad!.to(float64).Squared().sum().item<double>()));
        var scale = _options.MaxGradNorm is { } limit ? Math.Min(1, limit / (norm + 1e-6)) : 1;
        foreach (var parameter in _parameters.Values) parameter.grad!.TimesInPlace(scale);
        return norm;
    }

    private void Update(Tensor parameter, (Tensor First, Tensor Second) moments)
    {
        var gradient = parameter.grad!;
        parameter.TimesInPlace(1 - (LearningRate * _options.WeightDecay));
        moments.First.TimesInPlace(_options.Beta1).AddInPlace(gradient.Times(1 - _options.Beta1));
        moments.Second.TimesInPlace(_options.Beta2).AddInPlace((gradient * gradient).Times(1 - _options.Beta2));
        var firstCorrection = 1 - Math.Pow(_options.Beta1, _step);
        var secondCorrection = 1 - Math.Pow(_options.Beta2, _step);
        var denominator = moments.Second.sqrt().Over(Math.Sqrt(secondCorrection)).Plus(_options.Epsilon);
        parameter.sub_((moments.First / denominator).Times(LearningRate / firstCorrection));
    }

    private Dictionary<string, float[]> Values(Func<Tensor, Tensor> select)
    {
        using var scope = NewDisposeScope();
        return _parameters.ToDictionary(entry => entry.Key, entry => select(entry.Value).detach().to(float32).data<float>().ToArray());
    }
}
