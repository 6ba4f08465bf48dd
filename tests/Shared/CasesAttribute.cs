using System.Globalization;
using FsCheck.Xunit;

namespace Horizon.Flow.Tests.Shared;

/// <summary>
/// A property with so many cases, times HORIZON_CASES (1 by default): the suite stays quick, and a long run outside it is one variable away.
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class CasesAttribute : PropertyAttribute
{
    public CasesAttribute(int cases = 100)
    {
        var factor = Environment.GetEnvironmentVariable("HORIZON_CASES");
        MaxTest = cases * (string.IsNullOrEmpty(factor) ? 1 : int.Parse(factor, CultureInfo.InvariantCulture));
    }
}
