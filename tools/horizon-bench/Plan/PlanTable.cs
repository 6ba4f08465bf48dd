using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Horizon.Flow.Devices;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Resources;

namespace Horizon.Flow.Bench;

/// <summary>Runs each setting in a process of its own and prints the table.</summary>
internal static class PlanTable
{
    private const int HolderSeconds = 10;
    private const int LongestFailure = 600;

    /// <summary>Measures and prints; 1 where a setting failed.</summary>
    /// <param name="settings">What is run, in this order.</param>
    /// <param name="device">Where.</param>
    /// <param name="limitSeconds">What one setting may take.</param>
    /// <param name="lines">A file that gets all that was seen of each setting as a line of JSON; null for none.</param>
    public static async Task<int> RunAsync(IReadOnlyList<PlanSetting> settings, string device, int limitSeconds, string? lines)
    {
        using var watched = ComputeDevice.Parse(device);
        foreach (var line in Machine.Describe()) Console.WriteLine(line);
        Console.WriteLine("| setting | activations | device GiB, planned | taken | error | tensors | host GiB, planned | used | error | step s, planned | measured | error | tokens/s |");
        Console.WriteLine("| --- | --- | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: |");
        var failed = 0;
        foreach (var setting in settings)
        {
            var folder = Directory.CreateTempSubdirectory("horizon-bench-plan-").FullName;
            try
            {
                var (seen, failure) = await ChildAsync(setting, folder, watched, device, TimeSpan.FromSeconds(limitSeconds));
                Console.WriteLine(seen is null ? $"| {setting.Name} | {failure} |" : Line(setting, seen));
                if (lines is not null && seen is not null) File.AppendAllText(lines, $"{JsonSerializer.Serialize(new { setting.Name, Seen = seen })}\n");
                if (seen is null) failed++;
            }
            finally
            {
                Directory.Delete(folder, recursive: true);
            }
        }

        return failed > 0 ? 1 : 0;
    }

    /// <summary>Prints what is planned for a GPU with so much memory.</summary>
    public static int Predict(IReadOnlyList<PlanSetting> settings, ByteSize memory)
    {
        foreach (var setting in settings)
        {
            var folder = Directory.CreateTempSubdirectory("horizon-bench-plan-").FullName;
            try
            {
                var plan = PlanRun.Predict(setting, folder, new ByteSize(Math.Min(memory.Bytes, (long)(setting.CardGibibytes ?? int.MaxValue) << 30)));
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {setting.Name} | {plan.ActivationsReason} | {Gibi(plan.Needed(MemoryPlace.Device).Bytes)} | {Gibi(plan.Needed(MemoryPlace.Host).Bytes)} | {plan.Cost?.Time.Predicted:0.000} | {plan.Binds} |"));
                if (plan.Cost is { } cost) Console.WriteLine($"    {cost.Time} numbers {cost.Work}");
                foreach (var item in plan.Items.Where(item => item.Bytes > 0)) Console.WriteLine($"    {item.Place}: {item.Kind} {Gibi(item.Bytes)} ({item.How})");
            }
            finally
            {
                Directory.Delete(folder, recursive: true);
            }
        }

        return 0;
    }

    private static string Line(PlanSetting setting, Forecast seen) => string.Create(
        CultureInfo.InvariantCulture,
        $"| {setting.Name} | {seen.Activations.Split(':')[0]} | {Gibi(seen.PlannedDevice)} | {Gibi(seen.Taken)} | {Error(seen.PlannedDevice, seen.Taken)} | {Gibi(seen.Tensors)} | {Gibi(seen.PlannedHost)} | {Gibi(seen.Host)} | {Error(seen.PlannedHost, seen.Host)} | {seen.PlannedSeconds:0.000} | {seen.Seconds:0.000} | {Error(seen.PlannedSeconds, seen.Seconds)} | {seen.Tokens / seen.Seconds:N0} |");

    private static async Task<(Forecast? Seen, string Failure)> ChildAsync(PlanSetting setting, string folder, IComputeDevice watched, string device, TimeSpan limit)
    {
        using var holder = setting.CardGibibytes is { } card ? Start(PlanVerb.Holder, $"{card}", "--device", device) : null;
        try
        {
            using var late = new CancellationTokenSource(limit);
            if (holder is not null && await holder.StandardOutput.ReadLineAsync(late.Token) != "held") return (null, $"the rest of the card is not held: {OneLine(await holder.StandardError.ReadToEndAsync(late.Token))}");
            await using var watch = new PlanWatch(watched);
            using var process = Start(PlanVerb.Child, setting.Name, folder, "--device", device);
            var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
            try
            {
                await process.WaitForExitAsync(late.Token);
            }
            catch (OperationCanceledException)
            {
                process.Kill(entireProcessTree: true);
                await process.WaitForExitAsync();
                return (null, $"not done after {limit.TotalSeconds} s");
            }

            if (process.ExitCode != 0) return (null, $"exit {process.ExitCode}: {OneLine(await error)}");
            // Libraries may have printed, too.
            var line = (await output).Split('\n').LastOrDefault(line => line.StartsWith('{'));
            return line is null ? (null, "it ended without a result") : (JsonSerializer.Deserialize<Forecast>(line)! with { Taken = watch.Taken }, "");
        }
        catch (OperationCanceledException)
        {
            return (null, $"the rest of the card is not held after {limit.TotalSeconds} s");
        }
        finally
        {
            holder?.StandardInput.Close();
            if (holder?.WaitForExit(TimeSpan.FromSeconds(HolderSeconds)) == false) holder.Kill(entireProcessTree: true);
        }
    }

    private static string OneLine(string text) => text.Length <= LongestFailure ? text.ReplaceLineEndings(" ") : text[..LongestFailure].ReplaceLineEndings(" ");

    private static Process Start(params IEnumerable<string> arguments) => Process.Start(
        new ProcessStartInfo(Environment.ProcessPath!, ["plan", .. arguments]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true })!;

    private static string Gibi(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 30):0.00}");

    private static string Error(double planned, double seen) => seen == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"{(planned / seen) - 1:+0.0 %;-0.0 %}");
}
