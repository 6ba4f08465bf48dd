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
        var input = new ConfigurationInput(this, ConfigurationUse.Inspect);
        var gpu = Memory("--gpu-memory", "Plan for a GPU with so much memory, instead of asking the device.");
        var host = Memory("--host-memory", "Plan for a machine with so much memory, instead of asking this one.");
        var json = new Option<bool>("--json") { Description = "Print one JSON object, sizes in bytes." };
        Options.Add(gpu);
        Options.Add(host);
        var probe = new Option<bool>("--probe") { Description = "Measure this machine first (products, link, memory, disk), and keep its rates for later plans." };
        Options.Add(json);
        var gpus = Count("--gpus", "Plan for so many ranks of a machine, a GPU each: what one of them holds.");
        var nodes = Count("--nodes", "Plan for so many machines with as many ranks each.");
        Options.Add(gpus);
        Options.Add(nodes);
        Options.Add(probe);
        SetAction(async (parse, _) =>
        {
            var configuration = input.Load(parse);
            if (parse.GetValue(probe))
            {
                using var phases = PhaseLines.To(parse.InvocationConfiguration.Error);
                await planner.ProbeAsync(configuration, phases).ConfigureAwait(false);
            }

            var plan = planner.Plan(configuration, parse.GetValue(gpu), parse.GetValue(host), parse.GetValue(gpus), parse.GetValue(nodes), DataProgressLines.To(parse.InvocationConfiguration.Error));
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
        horizon plan Qwen3-8B --gpu-memory 24GiB --set training.batch_size=16        # a model folder, of which config.json is enough
        horizon plan run.yaml --gpus 8 --nodes 4 --gpu-memory 80GiB --host-memory 1TiB   # what each of 32 ranks holds
        horizon plan run.yaml --probe   # measures this machine first, once
        # adds up weights, optimizer state, buffers and activations, and names the best batch size
        """;

    private static Option<int> Count(string name, string description)
    {
        var option = new Option<int>(name) { Description = description, HelpName = "N", DefaultValueFactory = _ => 1 };
        option.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && int.TryParse(result.Tokens[0].Value, out var count) && count is < 1 or > 1024) result.AddError($"{name} {count} is out of range; give 1 to 1024.");
        });
        return option;
    }

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
