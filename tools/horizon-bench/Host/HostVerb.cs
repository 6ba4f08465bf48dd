using System.CommandLine;

namespace Horizon.Flow.Bench;

/// <summary><c>host</c>: the optimizers beside the memory's bandwidth.</summary>
internal static class HostVerb
{
    public static Command Create()
    {
        var parameters = new Option<double>("--parameters") { Description = "Parameters to update, in millions.", DefaultValueFactory = _ => 200 };
        var threads = new Option<int[]>("--threads")
        {
            Description = "Thread counts to measure.",
            DefaultValueFactory = _ => [Environment.ProcessorCount],
            AllowMultipleArgumentsPerToken = true,
        };
        var seconds = new Option<double>("--seconds") { Description = "Least time of each measurement.", DefaultValueFactory = _ => 2 };
        var optimizers = new Option<string[]>("--optimizers")
        {
            Description = "Rules to measure; all by default.",
            DefaultValueFactory = _ => [],
            AllowMultipleArgumentsPerToken = true,
        };
        var paths = new Option<bool>("--paths") { Description = "Measures every instruction set that runs here, not the best alone." };
        var cores = new Option<bool>("--pin") { Description = "Keeps each thread on one core." };
        var rival = new Option<bool>("--rival") { Description = "Measures TorchSharp's AdamW too, on as many fp32 parameters." };
        var copies = new Option<string>("--copies") { Description = "Measures again while copies run both ways between the host and this device, such as cuda:0." };
        var csv = new Option<bool>("--csv") { Description = "Prints comma-separated values." };

        var command = new Command("host", "Measures optimizer updates in host memory against the memory's own bandwidth. See README.md beside this verb's code.")
        {
            parameters, threads, seconds, optimizers, paths, cores, rival, copies, csv,
        };
        command.SetAction((arguments, _) => Verb.GuardAsync(_ => HostBench.RunAsync(new BenchSettings(
            (long)(arguments.GetValue(parameters) * 1e6),
            arguments.GetValue(threads)!,
            arguments.GetValue(seconds),
            arguments.GetValue(optimizers)!,
            arguments.GetValue(paths),
            arguments.GetValue(cores),
            arguments.GetValue(rival),
            arguments.GetValue(copies),
            arguments.GetValue(csv)))));
        return command;
    }
}
