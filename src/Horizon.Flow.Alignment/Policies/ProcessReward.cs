using System.Diagnostics;
using System.Text.Json;

namespace Horizon.Flow.Alignment.Policies;

/// <summary>
/// Rewards from another process that speaks JSON lines: for each answer it is given <c>{"prompt": …, "answer": …}</c> on its standard input, and writes
/// <c>{"reward": number}</c> on its standard output, in the same order. One caller at a time.
/// </summary>
public sealed class ProcessReward : IDisposable
{
    private readonly Process _process;
    private readonly string _name;

    private ProcessReward(Process process, string name) => (_process, _name) = (process, name);

    /// <summary>Starts the process.</summary>
    /// <param name="file">The program.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <exception cref="HorizonException">It cannot be started.</exception>
    public static ProcessReward Start(string file, params IEnumerable<string> arguments)
    {
        ArgumentException.ThrowIfNullOrEmpty(file);
        try
        {
            var process = Process.Start(new ProcessStartInfo(file, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, UseShellExecute = false })!;
            return new ProcessReward(process, file);
        }
        catch (Exception error) when (error is System.ComponentModel.Win32Exception or IOException)
        {
            throw new HorizonException($"the program that rewards answers, {file}, cannot be started: {error.Message.TrimEnd('.')}", error);
        }
    }

    /// <summary>The rewards of some answers.</summary>
    /// <param name="answers">Prompts and answers, as texts.</param>
    /// <param name="cancellation">Gives up; the process is then of no use any more.</param>
    /// <exception cref="HorizonException">The process ended, or wrote something else.</exception>
    public async Task<IReadOnlyList<double>> RewardAsync(IReadOnlyList<(string Prompt, string Answer)> answers, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(answers);
        // Beside each other: a process that answers at once would otherwise fill its pipe and wait.
        var writing = WriteAsync(answers, cancellation);
        var rewards = new double[answers.Count];
        for (var i = 0; i < rewards.Length; i++) rewards[i] = Parse(await _process.StandardOutput.ReadLineAsync(cancellation).ConfigureAwait(false), i);
        await writing.ConfigureAwait(false);
        return rewards;
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

    private async Task WriteAsync(IReadOnlyList<(string Prompt, string Answer)> answers, CancellationToken cancellation)
    {
        try
        {
            foreach (var (prompt, answer) in answers)
                await _process.StandardInput.WriteLineAsync(JsonSerializer.Serialize(new Dictionary<string, string> { ["prompt"] = prompt, ["answer"] = answer }).AsMemory(), cancellation).ConfigureAwait(false);
            await _process.StandardInput.FlushAsync(cancellation).ConfigureAwait(false);
        }
        catch (IOException)
        {
            // It has ended: what it did not write says so.
        }
    }

    private double Parse(string? line, int place)
    {
        if (line is null) throw new HorizonException($"the program that rewards answers, {_name}, ended before it had rewarded answer {place + 1}");
        try
        {
            using var json = JsonDocument.Parse(line);
            if (json.RootElement.TryGetProperty("reward", out var reward) && reward.TryGetDouble(out var number) && double.IsFinite(number)) return number;
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // Said below.
        }

        throw new HorizonException($"the program that rewards answers, {_name}, wrote '{line[..Math.Min(line.Length, 80)]}' for answer {place + 1}, not {{\"reward\": number}}");
    }
}
