using System.CommandLine;

namespace Horizon.Flow.Bench;

/// <summary><c>layers</c>: whole layers of a shape, each kind once, and experts in both ways.</summary>
internal static class LayersVerb
{
    public static Command Create()
    {
        var (device, limit, shape, batch, sequence) = (Verb.Device(), Verb.Limit(), Verb.Shape(), Verb.Batch(), Verb.Sequence());
        var command = new Command("layers", "Times one layer of each kind of a shape, and compares grouped products of experts with one product each, and kernels of linear attention with libtorch's operators.") { device, limit, shape, batch, sequence };
        command.SetAction((arguments, _) => Verb.GuardAsync(report => LayersCommand.RunAsync(
            arguments.GetValue(device)!, arguments.GetValue(shape)!, arguments.GetValue(batch), arguments.GetValue(sequence),
            TimeSpan.FromSeconds(arguments.GetValue(limit)), report)));
        return command;
    }
}
