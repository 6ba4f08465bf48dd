using System.Diagnostics;

namespace Horizon.Flow.DeviceCheck;

/// <summary>Lines as they come, and how many checks failed.</summary>
internal sealed class Report
{
    private readonly long _start = Stopwatch.GetTimestamp();
    private int _passed;
    private int _failed;

    public void Say(FormattableString line) =>
        Console.WriteLine(FormattableString.Invariant($"[{Stopwatch.GetElapsedTime(_start).TotalSeconds,6:F1} s] {FormattableString.Invariant(line)}"));

    public void Warn(string warning) => Say($"warning: {warning}");

    public void Check(string name, bool right, string? found = null)
    {
        if (right) _passed++;
        else _failed++;
        Say($"{(right ? "ok    " : "WRONG ")}{name}{(found is null ? "" : $": {found}")}");
    }

    public int Finish()
    {
        Say($"{_passed} checks passed, {_failed} failed");
        return _failed == 0 ? 0 : 1;
    }
}
