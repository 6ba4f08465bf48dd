using static TorchSharp.torch;

namespace Horizon.Flow.Units;

/// <summary>What a unit whose backward autograd derives says beside its output: losses of its own, and steps whose backward is written out.</summary>
/// <param name="keeps">Whether backward follows; otherwise nothing is kept, and nobody asks for gradients.</param>
public sealed class UnitRecord(bool keeps = false) : IDisposable
{
    private readonly List<OwnLoss> _losses = [];
    private readonly List<RecordedStep> _steps = [];

    /// <summary>What the unit adds to the loss by itself.</summary>
    public ICollection<OwnLoss> Losses => _losses;

    /// <summary>In the order in which they ran.</summary>
    internal IReadOnlyList<RecordedStep> Steps => _steps;

    /// <summary>Runs a step whose backward is written out. Autograd's graph ends at its inputs and begins again at its output.</summary>
    /// <param name="inputs">What it depends on.</param>
    /// <param name="run">Runs it; the argument says whether its backward will be asked for.</param>
    /// <returns>Its output.</returns>
    public Tensor Step(IReadOnlyList<Tensor> inputs, Func<bool, IWrittenStep> run)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(run);
        IWrittenStep step;
        using (no_grad()) step = run(keeps);
        if (!keeps)
        {
            using (step) return step.Output;
        }

        _steps.Add(new RecordedStep(inputs, step));
        return _steps[^1].Output;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var loss in _losses) loss.Value.Dispose();
        foreach (var step in _steps) step.Dispose();
    }
}
