using static TorchSharp.torch;

namespace Horizon.Flow.Units;

/// <summary>
/// A step of a unit whose backward is written out, between parts whose backward autograd derives (<see cref="UnitRecord.Step"/>). Owns what its backward needs; runs with
/// gradients off.
/// </summary>
public interface IWrittenStep : IDisposable
{
    /// <summary>What it gives, in the dispose scope in which it ran.</summary>
    Tensor Output { get; }

    /// <summary>The gradients of its inputs. Called once.</summary>
    /// <param name="outputGradient">As the output; owned by the caller.</param>
    /// <returns>One for each input, of its shape and type, in the caller's dispose scope; null where it is zero.</returns>
    IReadOnlyList<Tensor?> Backward(Tensor outputGradient);
}
