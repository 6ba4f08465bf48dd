using Horizon.Flow.Messages;

namespace Horizon.Flow;

/// <summary>Changes a piece of a gradient.</summary>
/// <param name="gradient">The gradient.</param>
/// <param name="first">The first element of the piece.</param>
/// <param name="values">Its values in fp32; what is written here goes on.</param>
public delegate void GradientChange(HostGradient gradient, long first, Span<float> values);
