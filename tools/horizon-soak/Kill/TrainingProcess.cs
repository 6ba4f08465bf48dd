using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace Horizon.Flow.Soak;

/// <summary>One start of <c>horizon train</c>.</summary>
internal sealed class TrainingProcess : IDisposable
{
    private const int Terminate = 15;
    private const int Die = 9;

    private readonly Process _process;
    private readonly int _ranks;
    private readonly StringBuilder _text = new();
    private readonly TaskCompletionSource _firstStep = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private TrainingProcess(Process process, int ranks)
    {
        (_process, _ranks) = (process, ranks);
        process.OutputDataReceived += (_, line) => Add(line.Data);
        process.ErrorDataReceived += (_, line) => Add(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <summary>Everything it wrote so far.</summary>
    public string Text
    {
        get
        {
            lock (_text) return _text.ToString();
        }
    }

    public int ExitCode => _process.ExitCode;

    /// <summary>Starts it.</summary>
    /// <param name="configuration">The YAML file.</param>
    /// <param name="threads">Processors that it sees.</param>
    /// <param name="ranks">Ranks that it starts.</param>
    /// <param name="largestFile">Bytes that a file may have; null for any.</param>
    public static TrainingProcess Start(string configuration, int threads, int ranks, long? largestFile = null)
    {
        var program = Path.Combine(AppContext.BaseDirectory, "horizon.dll");
        // A write beyond the limit then fails, as on a full disk, instead of ending the process. The runtime's own memory is no file on disk.
        var limit = largestFile is { } bytes ? $"trap '' XFSZ; ulimit -f {bytes / 512}; " : "";
        var start = new ProcessStartInfo("/bin/sh") { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add($"{limit}exec dotnet \"$@\"");
        foreach (var argument in (string[])["sh", program, "train", configuration, "--resume", .. ranks > 1 ? ["--ranks", $"{ranks}"] : Array.Empty<string>()]) start.ArgumentList.Add(argument);
        start.Environment["DOTNET_PROCESSOR_COUNT"] = $"{threads}";
        start.Environment["DOTNET_EnableWriteXorExecute"] = "0";
        start.Environment["DOTNET_TieredPGO"] = "0";
        return new TrainingProcess(Process.Start(start)!, ranks);
    }

    /// <summary>Ends when it has told of a step, or has ended.</summary>
    public Task HasTrainedAsync(CancellationToken cancellation) => Task.WhenAny(_firstStep.Task, _process.WaitForExitAsync(cancellation));

    /// <summary>Whether it ended by itself within this time.</summary>
    public async Task<bool> EndsWithinAsync(TimeSpan time)
    {
        using var timeout = new CancellationTokenSource(time);
        try
        {
            await _process.WaitForExitAsync(timeout.Token);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    public void RequestStop() => _ = Kill(_process.Id, Terminate);

    /// <summary>SIGKILL, to one of the ranks where there are several.</summary>
    /// <returns>Whether all of it ended in time.</returns>
    public Task<bool> KillAsync(Random random, TimeSpan time)
    {
        var ranks = _ranks > 1 ? Children() : [];
        // Before it has started them, or when they are gone, there is only itself.
        _ = Kill(ranks.Count == 0 ? _process.Id : ranks[random.Next(ranks.Count)], Die);
        return EndsWithinAsync(time);
    }

    private List<int> Children()
    {
        var children = new List<int>();
        foreach (var process in Directory.GetDirectories("/proc").Select(Path.GetFileName))
        {
            try
            {
                if (!int.TryParse(process, out var number)) continue;
                var stat = File.ReadAllText($"/proc/{process}/stat");
                if (stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1] == $"{_process.Id}") children.Add(number);
            }
            catch (IOException)
            {
                continue; // gone meanwhile
            }
        }

        return children;
    }

    public void Dispose() => _process.Dispose();

    private void Add(string? line)
    {
        if (line is null) return;
        lock (_text) _text.Append(line).Append('\n');
        if (line.StartsWith("step ", StringComparison.Ordinal)) _firstStep.TrySetResult();
    }

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int Kill(int process, int signal);
}
