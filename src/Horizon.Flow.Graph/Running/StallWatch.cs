namespace Horizon.Flow.Graph;

/// <summary>
/// Notices a graph that stands still with work under way: a block that swallows a message (a filter, or a stock block whose function
/// throws an <see cref="OperationCanceledException"/>), or a body that never ends, would otherwise hang the run without a word.
/// </summary>
public sealed class StallWatch : IDisposable
{
    private readonly RunningGraph _graph;
    private readonly GraphRunOptions _options;
    private readonly Func<bool> _isUnderWay;
    private readonly Func<string> _describe;
    private readonly ITimer _timer;
    private long _lastMessages = -1;
    private long _stoodIdle;
    private long _lastChange;

    /// <summary>Begins to watch.</summary>
    /// <param name="graph">The graph; is told of the stall.</param>
    /// <param name="options">Clock and timeouts.</param>
    /// <param name="isUnderWay">Whether anything is expected to come out.</param>
    /// <param name="describe">What is missing, and what is out, in words.</param>
    public StallWatch(RunningGraph graph, GraphRunOptions options, Func<bool> isUnderWay, Func<string>? describe = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        _graph = graph;
        _options = options;
        _isUnderWay = isUnderWay;
        _describe = describe ?? (() => graph.State);
        _lastChange = options.Time.GetTimestamp();
        var period = options.StallTimeout < options.BodyTimeout ? options.StallTimeout : options.BodyTimeout;
        _timer = options.Time.CreateTimer(_ => Look(), null, period, period);
    }

    /// <inheritdoc/>
    public void Dispose() => _timer.Dispose();

    private void Look()
    {
        var now = _options.Time.GetTimestamp();
        var messages = _graph.Probes.Sum(probe => probe.Shares.Messages);
        var working = _graph.Probes.Where(probe => probe.Working > 0).ToList();
        if (messages != _lastMessages || !_isUnderWay())
        {
            (_lastMessages, _lastChange, _stoodIdle) = (messages, now, now);
            return;
        }

        if (working.Count > 0) _stoodIdle = now;
        if (working.Count == 0 && Since(_stoodIdle) >= _options.StallTimeout) Report(
            $"no stage has had a message for long, though a step is under way: a block has dropped one, or one that is no stage does not go on: {_describe()}; messages seen: {Counts}");
        else if (working.Count > 0 && Since(_lastChange) >= _options.BodyTimeout) _graph.Report(StageException.InForeignBlock(
            working[0].Stage, string.Join(", ", working[0].InHand), new TimeoutException(
                $"no stage has finished a message within {nameof(GraphRunOptions.BodyTimeout)}, {_options.BodyTimeout}, and this one is still at work{Others(working)}")));

        TimeSpan Since(long then) => _options.Time.GetElapsedTime(then, now);
    }

    private string Counts => string.Join(", ", _graph.Probes.Select(probe => $"{probe.Stage} {probe.Shares.Messages}"));

    private static string Others(List<StageProbe> working) =>
        working.Count == 1 ? "" : $", as are {string.Join(", ", working.Skip(1).Select(probe => $"'{probe.Stage}'"))}";

    private void Report(string what) => _graph.Report(StageException.InForeignBlock("graph", null, new InvalidOperationException(what)));
}
