using System.Collections.Immutable;

namespace Horizon.Flow.Program;

/// <summary>Something that visits write and read: written once, and freed after its last use.</summary>
/// <param name="Id">Its place in <see cref="StepProgram.Values"/>.</param>
/// <param name="Name">For people, such as <c>h3</c>.</param>
/// <param name="Kind">What it is.</param>
public sealed record ProgramValue(int Id, string Name, ValueKind Kind)
{
    /// <summary>Values that must live as long as this one: the input and the weights that a tape refers to.</summary>
    public ImmutableArray<int> Holds { get; init; } = [];

    /// <summary>The value that this one is a part of, and with which it goes; null where it stands alone.</summary>
    public int? PartOf { get; init; }

    /// <summary>
    /// The name under which a tensor lives on when its program has ended, as a key/value cache does: the program that writes it keeps it, in the place of
    /// what was kept under that name before; programs that only read it are lent it.
    /// </summary>
    public string? KeptAs { get; init; }

    /// <summary>The pool that a <see cref="ValueKind.Rented"/> value is rented from.</summary>
    public string? Pool { get; init; }

    /// <summary>Whether a tape lets go what is wider than a hidden state once its output is taken (<see cref="Units.IUnitTape.Narrow"/>).</summary>
    public bool IsNarrow { get; init; }
}
