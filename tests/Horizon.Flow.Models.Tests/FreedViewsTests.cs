using Horizon.Flow.Models.Common;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Tests;

/// <summary>What a product's gradient is made of goes when its caller lets it go: no view of it stays in the caller's scope.</summary>
public sealed class FreedViewsTests
{
    [Fact]
    public void ProjectionGradient_Add_LeavesNoViewBehind()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var (target, gradient, input) = (zeros(3, 2), ones(5, 3), ones(5, 2));
        using var sum = new ProjectionGradient(target);
        var before = scope.DisposablesCount;
        sum.Add(gradient, input);
        Assert.Equal(before, scope.DisposablesCount);
        Assert.All(target.data<float>().ToArray(), one => Assert.Equal(5, one));
    }
}
