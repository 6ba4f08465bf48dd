namespace Horizon.Flow.Soak;

/// <summary>Ends the process, naming the case, when one takes too long: a hang cannot be stopped from outside its thread.</summary>
internal sealed class HangWatch : IDisposable
{
    private readonly TimeSpan _limit;
    private readonly TextWriter _output;
    private readonly Timer _timer;
    private string _case = "";

    public HangWatch(TimeSpan limit, TextWriter output)
    {
        _limit = limit;
        _output = output;
        _timer = new Timer(_ => End());
    }

    public void Begin(string what)
    {
        _case = what;
        _timer.Change(_limit, Timeout.InfiniteTimeSpan);
    }

    public void Dispose() => _timer.Dispose();

    private void End()
    {
        _output.WriteLine($"HANG: {_case} takes longer than {_limit.TotalSeconds} s");
        _output.Flush();
        Environment.Exit(2);
    }
}
