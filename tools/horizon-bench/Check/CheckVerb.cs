using System.CommandLine;

namespace Horizon.Flow.Bench;

/// <summary><c>check</c>: training on a device against training on the CPU.</summary>
internal static class CheckVerb
{
    public static Command Create()
    {
        var (device, limit) = (Verb.Device(), Verb.Limit());
        var seed = new Option<int>("--seed") { Description = "Chooses the random models.", DefaultValueFactory = _ => 1 };
        var cases = new Option<int>("--cases") { Description = "How many random models.", DefaultValueFactory = _ => 10 };
        var command = new Command("check", "Compares training on the device with training on the CPU, run with run, and looks for races.") { device, limit, seed, cases };
        command.SetAction((arguments, _) => Verb.GuardAsync(report => CheckCommand.RunAsync(
            arguments.GetValue(device)!, arguments.GetValue(seed), arguments.GetValue(cases), TimeSpan.FromSeconds(arguments.GetValue(limit)), report)));
        return command;
    }
}
