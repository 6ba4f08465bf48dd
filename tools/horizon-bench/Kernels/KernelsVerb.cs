using System.CommandLine;

namespace Horizon.Flow.Bench;

/// <summary><c>kernels</c>: the operators of a layer beside the memory's floor.</summary>
internal static class KernelsVerb
{
    public static Command Create()
    {
        var (device, limit, shape, batch, sequence) = (Verb.Device(), Verb.Limit(), Verb.Shape(), Verb.Batch(), Verb.Sequence());
        var command = new Command("kernels", "Times the operators of a layer and the ways to compute them, beside the memory's floor.") { device, limit, shape, batch, sequence };
        command.SetAction((arguments, _) => Verb.GuardAsync(report => KernelsCommand.RunAsync(
            arguments.GetValue(device)!, arguments.GetValue(shape)!, arguments.GetValue(batch), arguments.GetValue(sequence),
            TimeSpan.FromSeconds(arguments.GetValue(limit)), report)));
        return command;
    }
}
