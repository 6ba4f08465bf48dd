using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Horizon.Flow.Bench;

/// <summary>Runs each setting in a process of its own and prints the table.</summary>
internal static class PlanTable
{
    /// <summary>Measures and prints; 1 where a setting failed.</summary>
    public static int Run(IReadOnlyList<PlanSetting> settings, string device, int limitSeconds)
    {
        foreach (var line in Machine.Describe()) Console.WriteLine(line);
        Console.WriteLine("| setting | activations | device GiB, planned | used | error | taken | host GiB, planned | used | error | step s, planned | measured | error | tokens/s |");
        Console.WriteLine("| --- | --- | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: |");
        var failed = 0;
        foreach (var setting in settings)
        {
            var folder = Directory.CreateTempSubdirectory("horizon-bench-plan-").FullName;
            try
            {
                var (seen, failure) = Child(setting, folder, device, limitSeconds);
                Console.WriteLine(seen is null ? $"| {setting.Name} | {failure} |" : Line(setting, seen));
                if (seen is null) failed++;
            }
            finally
            {
                Directory.Delete(folder, recursive: true);
            }
        }

        return failed > 0 ? 1 : 0;
    }

    private static string Line(PlanSetting setting, Forecast seen) => string.Create(
        CultureInfo.InvariantCulture,
        $"| {setting.Name} | {seen.Activations.Split(':')[0]} | {Gibi(seen.PlannedDevice)} | {Gibi(seen.Device)} | {Error(seen.PlannedDevice, seen.Device)} | {Gibi(seen.Taken)} | {Gibi(seen.PlannedHost)} | {Gibi(seen.Host)} | {Error(seen.PlannedHost, seen.Host)} | {seen.PlannedSeconds:0.000} | {seen.Seconds:0.000} | {Error(seen.PlannedSeconds, seen.Seconds)} | {seen.Tokens / seen.Seconds:N0} |");

    private static (Forecast? Seen, string Failure) Child(PlanSetting setting, string folder, string device, int limitSeconds)
    {
        using var holder = setting.CardGibibytes is { } card ? Start(PlanVerb.Holder, $"{card}", "--device", device) : null;
        if (holder is not null && holder.StandardOutput.ReadLine() != "held") return (null, holder.StandardError.ReadToEnd().ReplaceLineEndings(" "));
        try
        {
            using var process = Start(PlanVerb.Child, setting.Name, folder, "--device", device);
            var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
            if (!process.WaitForExit(TimeSpan.FromSeconds(limitSeconds)))
            {
                process.Kill(entireProcessTree: true);
                return (null, $"not done after {limitSeconds} s");
            }

            return process.ExitCode == 0 ? (JsonSerializer.Deserialize<Forecast>(output.Result), "") : (null, $"exit {process.ExitCode}: {error.Result.ReplaceLineEndings(" ")}");
        }
        finally
        {
            holder?.StandardInput.Close();
            holder?.WaitForExit();
        }
    }

    private static Process Start(params IEnumerable<string> arguments) => Process.Start(
        new ProcessStartInfo(Environment.ProcessPath!, ["plan", .. arguments]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true })!;

    private static string Gibi(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 30):0.00}");

    private static string Error(double planned, double seen) => seen == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"{(planned / seen) - 1:+0.0 %;-0.0 %}");
}
