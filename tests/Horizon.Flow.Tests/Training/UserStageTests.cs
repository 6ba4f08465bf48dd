using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Tests.Training;

/// <summary>
/// Users' stages on any edges that throw, drop, delay, duplicate, hold and cancel: every run ends, with the first error and all leases back, and what it calls a
/// success is one. `horizon-soak plans` runs as many as one likes.
/// </summary>
public class UserStageTests
{
    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(5);

    [Cases(40, Arbitrary = [typeof(PlanCases)])]
    public Task Run_UsersStagesMisbehaveAnywhere_EndsWithTheFirstErrorAndAllLeases(PlanCase @case) => @case.CheckAsync(Bound);
}
