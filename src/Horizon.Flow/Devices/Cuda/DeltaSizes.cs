namespace Horizon.Flow.Devices;

/// <summary>Sizes of <c>Kernels/delta.cu</c>, as its own names have them, and the dynamic shared memory of its kernels in bytes.</summary>
internal static class DeltaSizes
{
    /// <summary>Channels of a head.</summary>
    public const int Width = 128;

    /// <summary>Tokens of a chunk.</summary>
    public const int Chunk = 64;

    /// <summary>Tokens that the convolution sees.</summary>
    public const int Taps = 4;

    /// <summary>A chunk's decays.</summary>
    public const int Decays = ((5 * Chunk) + 4) * sizeof(float);

    public const int Convolution = 8 * Width * Taps * sizeof(float);
    public const int Norm = 8 * Width * sizeof(float);
    public const int InChunk = (2 * Wide) + (2 * Chunk * (Chunk + 4) * sizeof(float)) + Decays;
    public const int States = (2 * Wide) + (8 * Narrow) + (2 * Decays);
    public const int Output = (4 * Wide) + Narrow + Decays;
    public const int Adjoints = (2 * Wide) + (7 * Narrow) + Decays;
    public const int Gradients = (9 * Wide) + (2 * Narrow) + Decays + (((11 * Chunk) + 8) * sizeof(float));

    /// <summary>What a device must let a block have.</summary>
    public const int Largest = Gradients;

    // A chunk's rows of bf16, as wide as a head and as a chunk, and longer by sixteen bytes.
    private const int Wide = Chunk * (Width + 8) * 2;
    private const int Narrow = Chunk * (Chunk + 8) * 2;
}
