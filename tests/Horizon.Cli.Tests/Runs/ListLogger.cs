using Microsoft.Extensions.Logging;

namespace Horizon.Flow.Cli.Tests.Runs;

/// <summary>Keeps what it is told.</summary>
internal sealed class ListLogger : ILogger
{
    public sealed record Entry(LogLevel Level, string Name, string Text, IReadOnlyDictionary<string, object?> Values);

    public List<Entry> Entries { get; } = [];

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => Entries.Add(new(
        logLevel, eventId.Name ?? "", formatter(state, exception),
        (state as IEnumerable<KeyValuePair<string, object?>> ?? []).ToDictionary(pair => pair.Key, pair => pair.Value)));
}
