namespace Horizon.Flow.Host.Tests;

/// <summary>Comparison with a reference in double.</summary>
internal static class Close
{
    /// <summary>Fails unless the numbers differ by at most tolerance times scale, or by half a subnormal.</summary>
    public static void Assert(double expected, double actual, double scale, double tolerance)
    {
        if (Math.Abs(expected - actual) <= (tolerance * scale) + 1e-44) return;
        Xunit.Assert.Fail($"expected {expected:R}, was {actual:R}, apart by {Math.Abs(expected - actual) / scale:E1} of {scale:E1}");
    }
}
