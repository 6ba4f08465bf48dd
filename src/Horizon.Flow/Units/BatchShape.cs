using Horizon.Flow.Host.Memory;

namespace Horizon.Flow.Units;

/// <summary>What the memory of a micro-batch's activations depends on.</summary>
/// <param name="Rows">Rows of the micro-batch.</param>
/// <param name="SequenceLength">Tokens of a row.</param>
/// <param name="Type">The type of weights and activations.</param>
public sealed record BatchShape(long Rows, long SequenceLength, ElementType Type)
{
    /// <summary>Whether the operators between matrix products need no temporaries: the kernels of a GPU, in bf16.</summary>
    public bool FusedOperators { get; init; }

    /// <summary>Whether rows may hold several documents, which takes an attention mask.</summary>
    public bool Packed { get; init; }

    /// <summary>Tokens of the micro-batch.</summary>
    public long Tokens => Rows * SequenceLength;

    /// <summary>Bytes of one number for each token.</summary>
    public long TokenBytes => Tokens * Type.ByteSize();

    /// <summary>Bytes of one fp32 number for each token.</summary>
    public long WideTokenBytes => Tokens * sizeof(float);
}
