using System.Globalization;
using FsCheck.Xunit;

namespace Horizon.Flow.Host.Tests;

/// <summary>A property over hostile input: 2,000 cases, or as many as the variable HORIZON_FUZZ_CASES says.</summary>
public sealed class FuzzAttribute : PropertyAttribute
{
    public FuzzAttribute() =>
        MaxTest = int.TryParse(Environment.GetEnvironmentVariable("HORIZON_FUZZ_CASES"), CultureInfo.InvariantCulture, out var cases) ? cases : 2000;
}
