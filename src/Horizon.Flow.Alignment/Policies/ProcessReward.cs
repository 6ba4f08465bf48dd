using System.Diagnostics;
using System.Text.Json;
using System.Threading.Channels;

namespace Horizon.Flow.Alignment.Policies;

/// <summary>
/// Rewards from another process that speaks JSON lines: for each answer it is given <c>{"prompt": …, "answer": …, "record": {…}}</c> on its standard input, and
/// writes <c>{"reward": number}</c>, or the number alone, on its standard output, in the same order. One caller at a time.
/// </summary>
public sealed class ProcessReward : IAnswerReward, IDisposable
{
    private const int Shown = 80;

    private readonly Process _process;
    private readonly string _name;
    private readonly TimeSpan _patience;
    private readonly Channel<string> _lines = Channel.CreateUnbounded<string>();
    private readonly Task _reading;

    private ProcessReward(Process process, string name, TimeSpan patience)
    {
        (_process, _name, _patience) = (process, name, patience);
        _reading = ReadAsync();
    }

    /// <summary>Starts the process, which is given ten minutes for an answer.</summary>
    /// <param name="file">The program.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <exception cref="HorizonException">It cannot be started.</exception>
    public static ProcessReward Start(string file, params IEnumerable<string> arguments) => Start(file, arguments, TimeSpan.FromMinutes(10));

    /// <summary>Starts the process.</summary>
    /// <param name="file">The program.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="patience">How long it may take for the next reward.</param>
    /// <exception cref="HorizonException">It cannot be started.</exception>
    public static ProcessReward Start(string file, IEnumerable<string> arguments, TimeSpan patience)
    {
        ArgumentException.ThrowIfNullOrEmpty(file);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(patience, TimeSpan.Zero);
        try
        {
            var process = Process.Start(new ProcessStartInfo(file, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, UseShellExecute = false })!;
            return new ProcessReward(process, file, patience);
        }
        catch (Exception error) when (error is System.ComponentModel.Win32Exception or IOException)
        {
            throw new HorizonException($"the program that rewards answers, {file}, cannot be started: {error.Message.TrimEnd('.')}", error);
        }
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<double>> RewardAsync(IReadOnlyList<Answer> answers, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(answers);
        return RewardLinesAsync([.. answers.Select(answer => JsonSerializer.Serialize(new { prompt = answer.Prompt.Text, answer = answer.Text, record = answer.Prompt.Record }))], cancellation);
    }

    /// <summary>The rewards of some answers without records.</summary>
    /// <param name="answers">Prompts and answers, as texts.</param>
    /// <param name="cancellation">Gives up; the process is then of no use any more.</param>
    /// <exception cref="HorizonException">The process ended, wrote something else or more than it was asked for, or takes too long.</exception>
    public Task<IReadOnlyList<double>> RewardAsync(IReadOnlyList<(string Prompt, string Answer)> answers, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(answers);
        return RewardLinesAsync([.. answers.Select(answer => JsonSerializer.Serialize(new { prompt = answer.Prompt, answer = answer.Answer }))], cancellation);
    }

    /// <summary>Ends the process by closing its input, and not by waiting for it: one that does not end is stopped.</summary>
    public void Dispose()
    {
        try
        {
            _process.StandardInput.Close();
            if (!_process.WaitForExit(TimeSpan.FromSeconds(1))) _process.Kill(entireProcessTree: true);
        }
        catch (Exception error) when (error is IOException or InvalidOperationException)
        {
            // It has ended by itself.
        }

        _process.Dispose();
    }

    private async Task<IReadOnlyList<double>> RewardLinesAsync(IReadOnlyList<string> requests, CancellationToken cancellation)
    {
        // A line too many would be taken for the reward of another answer.
        if (_lines.Reader.TryRead(out var extra)) throw new HorizonException($"the program that rewards answers, {_name}, wrote '{Beginning(extra)}' without being asked; let it write one line an answer, and all else to its standard error");
        // Beside each other: a process that answers at once would otherwise fill its pipe and wait.
        var writing = WriteAsync(requests, cancellation);
        var rewards = new double[requests.Count];
        for (var i = 0; i < rewards.Length; i++) rewards[i] = Parse(await NextAsync(i, cancellation).ConfigureAwait(false), i);
        await writing.ConfigureAwait(false);
        return rewards;
    }

    private async Task<string> NextAsync(int place, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(_patience);
        try
        {
            return await _lines.Reader.ReadAsync(limit.Token).ConfigureAwait(false);
        }
        catch (ChannelClosedException)
        {
            await _reading.ConfigureAwait(false);
            throw new HorizonException($"the program that rewards answers, {_name}, ended{ExitCode()} before it had rewarded answer {place + 1}; what it wrote to its standard error stands above");
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new HorizonException($"the program that rewards answers, {_name}, has not rewarded answer {place + 1} for {_patience.TotalSeconds:0.#} s; let it write a line for each answer, and flush it");
        }
    }

    private string ExitCode() => _process.WaitForExit(TimeSpan.FromSeconds(1)) ? $" with exit code {_process.ExitCode}" : "";

    private async Task ReadAsync()
    {
        try
        {
            while (await _process.StandardOutput.ReadLineAsync().ConfigureAwait(false) is { } line) _lines.Writer.TryWrite(line);
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException or InvalidOperationException)
        {
            // It has ended, or nobody listens any more.
        }

        _lines.Writer.TryComplete();
    }

    private async Task WriteAsync(IReadOnlyList<string> requests, CancellationToken cancellation)
    {
        try
        {
            foreach (var request in requests) await _process.StandardInput.WriteLineAsync(request.AsMemory(), cancellation).ConfigureAwait(false);
            await _process.StandardInput.FlushAsync(cancellation).ConfigureAwait(false);
        }
        catch (IOException)
        {
            // It has ended: what it did not write says so.
        }
    }

    private double Parse(string line, int place)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            var number = json.RootElement.ValueKind == JsonValueKind.Object && json.RootElement.TryGetProperty("reward", out var named) ? named : json.RootElement;
            if (number.ValueKind == JsonValueKind.Number && number.TryGetDouble(out var reward) && double.IsFinite(reward)) return reward;
        }
        catch (JsonException)
        {
            // Said below.
        }

        throw new HorizonException($"the program that rewards answers, {_name}, wrote '{Beginning(line)}' for answer {place + 1}, not {{\"reward\": number}}");
    }

    private static string Beginning(string line) => line[..Math.Min(line.Length, Shown)];
}
