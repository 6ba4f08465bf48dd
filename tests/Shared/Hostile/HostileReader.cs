namespace Horizon.Flow.Tests.Hostile;

/// <summary>A reader of untrusted files, and how hostile files for it are made.</summary>
/// <param name="Name">For tables and messages.</param>
/// <param name="Make">A hostile file.</param>
/// <param name="Read">Puts the file into a folder that other cases have used, and reads it. May throw <see cref="HorizonException"/> and nothing else.</param>
public sealed record HostileReader(string Name, Func<Random, byte[]> Make, Action<string, byte[]> Read)
{
    /// <summary>Bytes that reading may allocate whatever the file's size: tables, compiled patterns, buffers.</summary>
    public long FreeBytes { get; init; } = 8 << 20;

    /// <summary>Bytes that reading may allocate beside those for each byte of the file.</summary>
    public int BytesAByte { get; init; } = 64;

    /// <summary>Whether files may cost seconds, so that only horizon-soak fuzz reads them.</summary>
    public bool IsSlow { get; init; }

    /// <summary>Makes and reads one file; the same number makes the same file.</summary>
    /// <param name="number">Which.</param>
    /// <param name="folder">Where the file may be put.</param>
    /// <param name="allocated">Bytes allocated so far by what is looked at: this thread, or the whole process.</param>
    public HostileOutcome Run(int number, string folder, Func<long> allocated)
    {
        var file = Make(new Random(number));
        var before = allocated();
        var start = TimeProvider.System.GetTimestamp();
        Exception? thrown = null;
        try
        {
            Read(folder, file);
        }
        catch (Exception error)
        {
            thrown = error;
        }

        var outcome = new HostileOutcome(file.Length, thrown, TimeProvider.System.GetElapsedTime(start), allocated() - before);
        return outcome.AllocatedBytes > FreeBytes + (BytesAByte * (long)file.Length) ? outcome with { AllocatedTooMuch = true } : outcome;
    }
}
