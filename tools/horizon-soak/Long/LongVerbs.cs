using System.CommandLine;

namespace Horizon.Flow.Soak;

/// <summary><c>steps</c>, <c>starts</c>, <c>collect</c> and <c>plans</c>: what a process holds, and how runs end, over many of them.</summary>
internal static class LongVerbs
{
    public static IEnumerable<Command> Create()
    {
        var steps = new Option<long>("--steps") { Description = "Optimizer steps.", DefaultValueFactory = _ => 10_000 };
        var settled = new Option<long>("--settled") { Description = "The step after which nothing may grow.", DefaultValueFactory = _ => 1_000 };
        var every = new Option<int>("--every") { Description = "Steps between two readings.", DefaultValueFactory = _ => 500 };
        var growth = new Option<double>("--growth") { Description = "How much resident memory may grow after it settled, in percent.", DefaultValueFactory = _ => 1 };
        var device = new Option<string>("--device") { Description = "auto, cpu or cuda:N.", DefaultValueFactory = _ => "cpu" };
        var command = new Command("steps", "Trains for many steps, and fails where memory, tensors, threads, files or leases grow.") { steps, settled, every, growth, device };
        command.SetAction((arguments, _) => SteadyTraining.RunAsync(
            arguments.GetValue(steps), arguments.GetValue(settled), arguments.GetValue(every), arguments.GetValue(growth), arguments.GetValue(device)!, Console.Out));

        var starts = new Option<long>("--starts") { Description = "Runs, of two steps each.", DefaultValueFactory = _ => 1_000 };
        var settledStart = new Option<long>("--settled") { Description = "The start after which nothing may grow.", DefaultValueFactory = _ => 200 };
        var everyStart = new Option<int>("--every") { Description = "Starts between two readings.", DefaultValueFactory = _ => 100 };
        var startsCommand = new Command("starts", "Starts and stops runs, and fails where anything grows.") { starts, settledStart, everyStart, growth, device };
        startsCommand.SetAction((arguments, _) => StartsAndStops.RunAsync(
            arguments.GetValue(starts), arguments.GetValue(settledStart), arguments.GetValue(everyStart), arguments.GetValue(growth), arguments.GetValue(device)!, Console.Out));

        var collectSteps = new Option<long>("--steps") { Description = "Optimizer steps.", DefaultValueFactory = _ => 2_000 };
        var collectCommand = new Command("collect", "Trains while another thread collects garbage without pause, and fails where a loss changes.") { collectSteps, device };
        collectCommand.SetAction((arguments, _) => SteadyTraining.RunUnderCollectionAsync(arguments.GetValue(collectSteps), arguments.GetValue(device)!, Console.Out));
        var plans = new Option<int>("--cases") { Description = "Runs, of one to three steps each.", DefaultValueFactory = _ => 10_000 };
        var parallel = new Option<int>("--parallel") { Description = "Runs at once.", DefaultValueFactory = _ => Environment.ProcessorCount };
        var seed = new Option<ulong>("--seed") { Description = "Of the cases.", DefaultValueFactory = _ => 1 };
        var plansCommand = new Command("plans", "Runs plans with users' stages that throw, drop, delay, duplicate, hold and cancel anywhere, and fails where one does not end as it must.") { plans, parallel, seed };
        plansCommand.SetAction((arguments, _) => UserStages.RunAsync(arguments.GetValue(plans), arguments.GetValue(parallel), arguments.GetValue(seed), Console.Out));
        return [command, startsCommand, collectCommand, plansCommand];
    }
}
