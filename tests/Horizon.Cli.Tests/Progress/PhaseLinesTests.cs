using Horizon.Flow.Runs.Session;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Cli.Tests.Progress;

public sealed class PhaseLinesTests : IDisposable
{
    private readonly ManualTimeProvider _time = new();
    private readonly StringWriter _output = new() { NewLine = "\n" };
    private readonly PhaseLines _lines;

    public PhaseLinesTests() => _lines = new PhaseLines(_output, _time, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(5));

    private string[] Said => _output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);

    public void Dispose()
    {
        _lines.Dispose();
        _output.Dispose();
    }

    [Fact]
    public void Report_Quick_SaysNothing()
    {
        foreach (var doing in (string[])["reading the data", "loading the weights", "page-locking the weights"])
        {
            _lines.Report(new PhaseProgress(doing, 1, 2));
            _time.Advance(TimeSpan.FromSeconds(0.9));
            _lines.Look();
        }

        Assert.Empty(Said);
    }

    [Fact]
    public void Report_Slow_SaysHowFarHowFastAndWhatIsLeft()
    {
        for (var second = 0; second <= 10; second++)
        {
            _lines.Report(new PhaseProgress("loading the weights", second * 1_000_000_000L, 20_000_000_000));
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal(["loading the weights: 953.67 MiB of 18.63 GiB, 1.00 GB/s, left 19 s", "loading the weights: 5.59 GiB of 18.63 GiB, 1.00 GB/s, left 14 s"], Said);
    }

    [Fact]
    public void Look_NothingIsHeard_SaysThatItGoesOn()
    {
        _lines.Report(new PhaseProgress("writing the model"));
        for (var second = 0; second < 8; second++)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            _lines.Look();
        }

        _lines.End();
        _time.Advance(TimeSpan.FromMinutes(1));
        _lines.Look();
        Assert.Equal(["writing the model, 1.0 s so far", "writing the model, 6.0 s so far"], Said);
    }
}
