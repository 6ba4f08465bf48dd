using System.CommandLine;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Runs.Validation;

namespace Horizon.Flow.Cli;

/// <summary><c>horizon plan</c>.</summary>
public sealed class PlanCommand : Command, IExample
{
    /// <summary>Creates the command.</summary>
    public PlanCommand(IPlanner planner)
        : base("plan", "Say what a run will use where and what binds, without training.")
    {
        var input = new ConfigurationInput(this);
        var gpu = Memory("--gpu-memory", "Plan for a GPU with so much memory, instead of asking the device.");
        var host = Memory("--host-memory", "Plan for a machine with so much memory, instead of asking this one.");
        var json = new Option<bool>("--json") { Description = "Print one JSON object, sizes in bytes." };
        Options.Add(gpu);
        Options.Add(host);
        Options.Add(json);
        SetAction(parse =>
        {
            var plan = planner.Plan(input.Load(parse, ConfigurationUse.Inspect), parse.GetValue(gpu), parse.GetValue(host), DataProgressLines.To(parse.InvocationConfiguration.Error));
            var output = parse.InvocationConfiguration.Output;
            if (parse.GetValue(json))
                output.WriteLine(PlanJson.Write(plan));
            else
                PlanText.Write(plan, output);
            return ExitCodes.Success;
        });
    }

    /// <inheritdoc/>
    public string Example => """
        horizon plan run.yaml --gpu-memory 24GiB --host-memory 256GiB
        # adds up weights, optimizer state, buffers and activations, and names the best batch size
        """;

    private static Option<ByteSize?> Memory(string name, string description) => new(name)
    {
        Description = $"{description} For instance 80GiB or 1.5TiB.",
        HelpName = "SIZE",
        CustomParser = result =>
        {
            if (ByteSize.TryParse(result.Tokens[0].Value, out var size) && size.Bytes > 0)
                return size;
            result.AddError($"{name} {result.Tokens[0].Value} is not an amount of memory; write for instance 80GiB, 1.5TiB or 512MB.");
            return null;
        },
    };
}
