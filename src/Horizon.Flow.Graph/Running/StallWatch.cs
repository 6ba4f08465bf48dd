namespace Horizon.Flow.Graph;

/// <summary>
/// Notices a graph that stands still with work under way: a block that swallows a message (a filter, or a stock block whose function
/// throws an <see cref="OperationCanceledException"/>) would otherwise hang the run without a word.
/// </summary>
public sealed class StallWatch : IDisposable
{
    private readonly RunningGraph _graph;
    private readonly Func<bool> _isUnderWay;
    private readonly ITimer _timer;
    private long _lastMessages = -1;

    /// <summary>Begins to watch.</summary>
    /// <param name="graph">The graph; is told of the stall.</param>
    /// <param name="options">Clock and timeout.</param>
    /// <param name="isUnderWay">Whether anything is expected to come out.</param>
    public StallWatch(RunningGraph graph, GraphRunOptions options, Func<bool> isUnderWay)
    {
        ArgumentNullException.ThrowIfNull(options);
        _graph = graph;
        _isUnderWay = isUnderWay;
        _timer = options.Time.CreateTimer(_ => Look(), null, options.StallTimeout, options.StallTimeout);
    }

    /// <inheritdoc/>
    public void Dispose() => _timer.Dispose();

    private void Look()
    {
        var messages = _graph.Probes.Sum(probe => probe.Shares.Messages);
        var stands = messages == _lastMessages && _graph.Probes.All(probe => probe.Working == 0);
        _lastMessages = messages;
        if (!stands || !_isUnderWay()) return;
        var counts = string.Join(", ", _graph.Probes.Select(probe => $"{probe.Stage} {probe.Shares.Messages}"));
        _graph.Report(StageException.InForeignBlock("graph", null, new InvalidOperationException(
            $"no stage has had a message for long, though a step is under way: a block has dropped one; messages seen: {counts}")));
    }
}
