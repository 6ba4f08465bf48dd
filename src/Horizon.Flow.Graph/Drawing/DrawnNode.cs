namespace Horizon.Flow.Graph;

/// <summary>One box of a drawing.</summary>
/// <param name="Name">The stage.</param>
/// <param name="Lines">What stands under the name, line by line.</param>
/// <param name="IsBottleneck">Drawn so that it is seen first.</param>
public sealed record DrawnNode(string Name, IReadOnlyList<string> Lines, bool IsBottleneck = false);
