using FsCheck;
using Horizon.Flow.Tests.Hostile;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Cli.Tests;

/// <summary>
/// Hostile files for every reader of untrusted files are read or refused with a <see cref="HorizonException"/>, and allocate no more than
/// their size justifies. horizon-soak fuzz runs many more.
/// </summary>
public sealed class HostileReaderTests : IDisposable
{
    private static readonly IReadOnlyList<HostileReader> Readers = [.. HostileReaders.All.Where(reader => !reader.IsSlow)];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Cases(2000)]
    public void Read_HostileFile_IsReadOrRefused(PositiveInt which, DoNotSize<int> number)
    {
        var reader = Readers[which.Get % Readers.Count];
        var outcome = reader.Run(number.Item, _folder.Path, GC.GetAllocatedBytesForCurrentThread);
        Assert.True(outcome.Failure is null, $"reader '{reader.Name}', file {number.Item}: {outcome.Failure}");
    }
}
