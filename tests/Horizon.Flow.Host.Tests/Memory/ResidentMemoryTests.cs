using System.Globalization;
using System.Runtime.CompilerServices;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Workers;

namespace Horizon.Flow.Host.Tests;

/// <summary>Measures the whole process, so nothing else may run beside it.</summary>
[CollectionDefinition(nameof(ResidentMemoryTests), DisableParallelization = true)]
[Collection(nameof(ResidentMemoryTests))]
public sealed class ResidentMemoryTests
{
    /// <summary>Of 256 MiB only what was touched is resident, a huge page a time, and all goes back.</summary>
    [Fact]
    public void Memory_IsTakenAtTouchAndGivenBack()
    {
        if (!OperatingSystem.IsLinux()) return;
        const long Length = 256L * 1024 * 1024;
        var start = ResidentBytes();
        Use();
        Assert.InRange(ResidentBytes() - start, -Length / 2, Length / 4);

        [MethodImpl(MethodImplOptions.NoInlining)]
        void Use()
        {
            using var workers = new HostWorkers(2);
            using var buffer = new HostBuffer(Length);
            buffer.Span<byte>(Length / 2, 1)[0] = 1;
            Assert.InRange(ResidentBytes() - start, -Length / 2, Length / 4);
            buffer.Touch(workers);
            Assert.InRange(ResidentBytes() - start, Length / 2, Length * 3 / 2);
        }
    }

    private static long ResidentBytes() =>
        long.Parse(File.ReadAllText("/proc/self/statm").Split(' ')[1], CultureInfo.InvariantCulture) * Environment.SystemPageSize;
}
