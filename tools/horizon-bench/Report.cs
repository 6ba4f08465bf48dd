using System.Diagnostics;

namespace Horizon.Flow.Bench;

/// <summary>Lines as they come, with the time, and how many checks failed.</summary>
internal sealed class Report
{
    private readonly long _start = Stopwatch.GetTimestamp();
    private int _passed;
    private int _failed;

    public void Say(FormattableString line)
    {
        Console.WriteLine(FormattableString.Invariant($"[{Stopwatch.GetElapsedTime(_start).TotalSeconds,6:F1} s] {FormattableString.Invariant(line)}"));
        Console.Out.Flush();
    }

    public void Warn(string warning) => Say($"warning: {warning}");

    public void Check(string name, bool right, string? found = null)
    {
        if (right) _passed++;
        else _failed++;
        Say($"{(right ? "PASS" : "FAIL")} {name}{(found is null ? "" : $": {found}")}");
    }

    /// <summary>
    /// Runs one part. What fails is said and counted and the next part goes on; what does not end takes the program with it, since
    /// nothing can take back a device that hangs.
    /// </summary>
    public async Task Part(string name, TimeSpan limit, Func<Task> body)
    {
        var work = Task.Run(body);
        if (await Task.WhenAny(work, Task.Delay(limit)) != work)
        {
            Check(name, false, FormattableString.Invariant($"did not end within {limit.TotalSeconds:F0} s"));
            Process.GetCurrentProcess().Kill();
        }

        try
        {
            await work;
        }
        catch (Exception error)
        {
            Check(name, false, $"{error.GetType().Name}: {Reason(error.Message)}{Where(error)}");
        }
    }

    public int Finish()
    {
        if (_passed + _failed > 0) Say($"{_passed} checks passed, {_failed} failed");
        return _failed == 0 ? 0 : 1;
    }

    private static string Reason(string text)
    {
        // TorchScript puts its own trace first.
        var line = text.Split('\n').FirstOrDefault(one => one.StartsWith("RuntimeError", StringComparison.Ordinal)) ?? text.ReplaceLineEndings(" | ");
        return line.Length > 500 ? line[..500] : line;
    }

    private static string Where(Exception error) =>
        (error.InnerException ?? error).StackTrace?.Split('\n') is { Length: > 0 } lines
            ? $" ({string.Join(" <- ", lines.Where(line => line.Contains("Horizon", StringComparison.Ordinal)).Take(4).Select(line => line.Trim()))})"
            : "";
}
