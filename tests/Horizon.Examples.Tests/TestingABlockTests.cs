using System.Threading.Tasks.Dataflow;
using Horizon.Flow.Graph;
using Horizon.Flow.Messages;
using Horizon.Flow.Testing;

namespace Horizon.Examples.Tests;

public class TestingABlockTests
{
    [Fact]
    public Task CheckAsync_TheExamplesBlock_KeepsEveryContract() => TestingABlockExample.CheckAsync();

    /// <summary>The same test of blocks with a fault each: it can fail.</summary>
    [Fact]
    public async Task CheckAsync_ABlockWithAFault_Throws()
    {
        static Task Check(Func<StageOptions, IPropagatorBlock<HostGradient, HostGradient>> block) => Assert.ThrowsAsync<TestingException>(() => TestingABlockExample.CheckAsync(block));
        await Check(stage => new StageBlock<HostGradient, HostGradient>(stage, gradient => gradient.Visit.Unit == 0 ? null : gradient));
        await Check(_ => new TransformBlock<HostGradient, HostGradient>(gradient => gradient));
        await Check(stage => new StageBlock<HostGradient, HostGradient>(stage, gradient =>
        {
            gradient.Floats(0, 1)[0] = 7;
            return gradient;
        }));
    }

    [Fact]
    public void Source_OfTheTest_IsUnderFortyLines() => Assert.True(
        File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "TestingABlockExample.cs")).Length <= 40);
}
