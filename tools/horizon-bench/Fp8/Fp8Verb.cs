using System.CommandLine;
using Horizon.Flow.Devices;
using Horizon.Flow.Native;

namespace Horizon.Flow.Bench;

/// <summary><c>fp8</c>: kernels against their emulation, errors, times and losses of products in fp8.</summary>
internal static class Fp8Verb
{
    public static Command Create()
    {
        var (device, limit, shape, batch, sequence) = (Verb.Device(), Verb.Limit(), Verb.Shape(), Verb.Batch(), Verb.Sequence());
        var part = new Option<string>("--part") { Description = "check, errors, budget, times or curve.", DefaultValueFactory = _ => "check" };
        part.AcceptOnlyFromAmong("check", "errors", "budget", "times", "curve");
        var steps = new Option<int>("--steps") { Description = "Of the curve.", DefaultValueFactory = _ => 300 };
        var text = new Option<string>("--text") { Description = "Folder whose .cs, .md and .py files, byte by byte, the curve's model learns.", DefaultValueFactory = _ => "." };
        var ways = new Option<string[]>("--ways") { Description = "Of the curve: fp32, bf16, or fp8 with scaling and format of gradients, as tensor-e5m2 (then perhaps -exact, -fast, -tapes, -emulated, ~ and a number for a start a little larger, and @ and a seed).", AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => ["bf16", "tensor-e5m2"] };
        var losses = new Option<string?>("--losses") { Description = "Writes every loss of the curve to this file, as comma-separated values." };
        var command = new Command("fp8", "Checks and measures matrix products in fp8.") { device, limit, shape, batch, sequence, part, steps, text, ways, losses };
        command.SetAction((arguments, _) => Verb.GuardAsync(async report =>
        {
            using var opened = ComputeDevice.Parse(arguments.GetValue(device)!, report.Warn);
            report.Say($"device {opened.Name}, libtorch from {NativeTorch.Load()}");
            var end = TimeSpan.FromSeconds(arguments.GetValue(limit));
            var (name, rows, length) = (arguments.GetValue(shape)!, arguments.GetValue(batch), arguments.GetValue(sequence));
            await (arguments.GetValue(part) switch
            {
                "check" => Fp8Check.RunAsync(opened, end, report),
                "errors" => Fp8Errors.RunAsync(opened, end, report),
                "budget" => Fp8Budget.RunAsync(opened, Shapes.Named(name), rows, length, end, report),
                "times" => Fp8Times.RunAsync(opened, Shapes.Named(name), rows, length, end, report),
                _ => Fp8Curve.RunAsync(opened, Shapes.Named(name), rows, length, arguments.GetValue(steps), arguments.GetValue(text)!, arguments.GetValue(ways)!, arguments.GetValue(losses), end, report),
            });
        }));
        return command;
    }
}
