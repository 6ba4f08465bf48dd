using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Distributed.Tests;

/// <summary>Ranks and the cores of their GPUs, on machines that a folder describes.</summary>
public sealed class NumaTests : IDisposable
{
    private const string Gpu = "0000:1b:00.0";

    private readonly TemporaryFolder _system = new();

    public NumaTests()
    {
        Write("devices/system/node/node0/cpulist", "0-3,8-11");
        Write("devices/system/node/node1/cpulist", "4-7,12-15");
        Write($"bus/pci/devices/{Gpu}/numa_node", "1");
        Write($"bus/pci/devices/{Gpu}/local_cpulist", "4-7,12-15");
    }

    public void Dispose() => _system.Dispose();

    [Fact]
    public void Bind_OnAMachineOfTwoNodes_KeepsToTheGpusOwn()
    {
        var process = new Cores(0, 16);
        Assert.Equal(
            $"the rank keeps to the 8 cores of NUMA node 1, where its GPU {Gpu} is (pipeline.numa_binding: false leaves them all)",
            NumaBinding.Bind(Gpu.ToUpperInvariant(), _system.Path, process));
        Assert.Equal([4, 5, 6, 7, 12, 13, 14, 15], process.Kept);
    }

    [Fact]
    public void Bind_WhereTheLauncherChose_LeavesItAndSaysWhereItChoseOthers()
    {
        var right = new Cores(4, 2);
        Assert.Null(NumaBinding.Bind(Gpu, _system.Path, right));
        Assert.Null(right.Kept);
        var wrong = new Cores(0, 4);
        Assert.StartsWith($"the launcher keeps the rank to 4 cores, none of which is of NUMA node 1, where its GPU {Gpu} is", NumaBinding.Bind(Gpu, _system.Path, wrong), StringComparison.Ordinal);
        Assert.Null(wrong.Kept);
    }

    /// <summary>A list of the kernel that reaches over what the process has: containers see the machine's.</summary>
    [Fact]
    public void Bind_OfSomeCores_KeepsToThoseOfThemThatAreTheNodes()
    {
        var some = new Cores(2, 4);
        Assert.Contains("keeps to the 2 cores", NumaBinding.Bind(Gpu, _system.Path, some), StringComparison.Ordinal);
        Assert.Equal([4, 5], some.Kept);
    }

    [Theory]
    [InlineData("numa_node", "-1")]
    [InlineData("numa_node", "x")]
    [InlineData("local_cpulist", "")]
    [InlineData("local_cpulist", "7-4")]
    [InlineData("local_cpulist", "0-99999999")]
    public void Bind_WhereTheSystemDoesNotSay_DoesNothing(string file, string text)
    {
        Write($"bus/pci/devices/{Gpu}/{file}", text);
        var process = new Cores(0, 16);
        Assert.Null(NumaBinding.Bind(Gpu, _system.Path, process));
        Assert.Null(process.Kept);
    }

    [Fact]
    public void Bind_OnAMachineOfOneNode_DoesNothing()
    {
        Directory.Delete(Path.Combine(_system.Path, "devices/system/node/node0"), recursive: true);
        Assert.Null(NumaBinding.Bind(Gpu, _system.Path, new Cores(0, 16)));
        Assert.Null(NumaBinding.Bind(Gpu, Path.Combine(_system.Path, "nowhere"), new Cores(0, 16)));
    }

    /// <summary>The system's own calls: to keep to all cores changes nothing, and is done.</summary>
    [Fact]
    public void Cores_OfThisProcess_CanBeAskedForAndKeptTo()
    {
        if (!OperatingSystem.IsLinux())
            return; // Linux's calls.
        var process = new ProcessCores();
        var allowed = process.Allowed;
        Assert.NotEmpty(allowed);
        Assert.True(process.TryKeepTo(allowed));
        Assert.Equal(allowed, process.Allowed);
        Assert.False(process.TryKeepTo([ProcessCores.Most - 1]));
    }

    private void Write(string name, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(_system.Path, name))!);
        _system.Write(name, text + "\n");
    }

    private sealed class Cores(int first, int count) : IProcessCores
    {
        public IReadOnlyList<int>? Kept { get; private set; }

        public IReadOnlyList<int> Allowed => [.. Enumerable.Range(first, count)];

        public bool TryKeepTo(IReadOnlyList<int> cores)
        {
            Kept = cores;
            return true;
        }
    }
}
