namespace Horizon.Flow.Testing;

/// <summary>Comparisons over whole tensors.</summary>
public static class Numbers
{
    /// <summary>The L2 norm, summed in double.</summary>
    public static double Norm(IEnumerable<float> values) => Math.Sqrt(values.Sum(value => (double)value * value));

    /// <summary>|actual - expected| / |expected| in L2.</summary>
    /// <exception cref="TestingException">The lengths differ.</exception>
    public static double RelativeError(float[] expected, float[] actual)
    {
        ArgumentNullException.ThrowIfNull(expected);
        ArgumentNullException.ThrowIfNull(actual);
        TestingException.Require(expected.Length == actual.Length, $"{expected.Length} values are expected, {actual.Length} were given");
        return Norm(expected.Zip(actual, (wanted, given) => given - wanted)) / Math.Max(Norm(expected), double.Epsilon);
    }

    /// <summary>
    /// Each tensor within <paramref name="tolerance"/> in relative L2. What is zero in exact arithmetic (the query's gradient where a
    /// token sees only itself) is rounding noise, hence the floor relative to the norm over all tensors.
    /// </summary>
    /// <exception cref="TestingException">A tensor is missing, of another length, or too far off.</exception>
    public static void AssertClose(
        IReadOnlyDictionary<string, float[]> expected, IReadOnlyDictionary<string, float[]> actual, double tolerance)
    {
        ArgumentNullException.ThrowIfNull(expected);
        ArgumentNullException.ThrowIfNull(actual);
        TestingException.Require(
            expected.Keys.ToHashSet().SetEquals(actual.Keys),
            $"the tensors are not the same: {string.Join(", ", expected.Keys.Except(actual.Keys).Select(name => $"{name} is missing").Concat(actual.Keys.Except(expected.Keys).Select(name => $"{name} is not expected")))}");
        var floor = 0.03 * tolerance * Norm(expected.Values.SelectMany(values => values));
        foreach (var (name, wanted) in expected)
        {
            TestingException.Require(wanted.Length == actual[name].Length, $"{name} has {actual[name].Length} values, {wanted.Length} are expected");
            var error = Norm(wanted.Zip(actual[name], (left, right) => right - left));
            var norm = Norm(wanted);
            var allowed = (tolerance * norm) + floor;
            TestingException.Require(error <= allowed, $"{name}: |difference| {error:G3} where {allowed:G3} is allowed and |expected| is {norm:G3}");
        }
    }
}
