namespace Horizon.Flow.Tests.Reference;

/// <summary>Comparisons over whole tensors.</summary>
public static class Numbers
{
    public static double Norm(IEnumerable<float> values) => Math.Sqrt(values.Sum(value => (double)value * value));

    /// <summary>|actual - expected| / |expected| in L2.</summary>
    public static double RelativeError(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        return Norm(expected.Zip(actual, (wanted, given) => given - wanted)) / Math.Max(Norm(expected), double.Epsilon);
    }

    /// <summary>
    /// Each tensor within <paramref name="tolerance"/> in relative L2. What is zero in exact arithmetic (the query's gradient where a
    /// token sees only itself) is rounding noise, hence the floor relative to the norm over all tensors.
    /// </summary>
    public static void AssertClose(
        IReadOnlyDictionary<string, float[]> expected, IReadOnlyDictionary<string, float[]> actual, double tolerance)
    {
        Assert.Equal(expected.Keys.Order(), actual.Keys.Order());
        var floor = 0.03 * tolerance * Norm(expected.Values.SelectMany(values => values));
        foreach (var (name, wanted) in expected)
        {
            var error = Norm(wanted.Zip(actual[name], (left, right) => right - left));
            var allowed = (tolerance * Norm(wanted)) + floor;
            Assert.True(error <= allowed, $"{name}: |difference| {error:G3} where {allowed:G3} is allowed and |expected| is {Norm(wanted):G3}");
        }
    }
}
