using System.Runtime.CompilerServices;

namespace Horizon.Flow.Distributed.Tests;

/// <summary>The assembly stands on what every user has.</summary>
public class PublicApiTests
{
    [Fact]
    public void References_OfDistributed_ShowItNoInternals()
    {
        var own = typeof(RankVerbs).Assembly;
        var others = own.GetReferencedAssemblies().Where(name => name.Name!.StartsWith("Horizon.", StringComparison.Ordinal)).Select(System.Reflection.Assembly.Load).ToList();
        Assert.NotEmpty(others);
        Assert.DoesNotContain(
            others.SelectMany(other => other.GetCustomAttributes(typeof(InternalsVisibleToAttribute), inherit: false)).Cast<InternalsVisibleToAttribute>(),
            friend => friend.AssemblyName.StartsWith(own.GetName().Name!, StringComparison.Ordinal));
    }
}
