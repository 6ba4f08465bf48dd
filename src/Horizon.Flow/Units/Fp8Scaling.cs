namespace Horizon.Flow.Units;

/// <summary>Which numbers of a matrix share a scale; the largest of them becomes the largest number of the format.</summary>
public enum Fp8Scaling
{
    /// <summary>All.</summary>
    Tensor,

    /// <summary>Those of a row. What is multiplied with its transpose has a scale for each column there.</summary>
    Row,

    /// <summary>128 neighbours of a row; of a weight, 128 x 128.</summary>
    Block,
}
