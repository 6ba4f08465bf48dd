using System.CommandLine;
using Horizon.Flow.LongRun;

// Trains a small real model for many steps and looks at what the process holds: long-run --steps 10000.
var steps = new Option<long>("--steps") { Description = "Optimizer steps.", DefaultValueFactory = _ => 10_000 };
var settled = new Option<long>("--settled") { Description = "The step after which nothing may grow.", DefaultValueFactory = _ => 1_000 };
var every = new Option<int>("--every") { Description = "Steps between two readings.", DefaultValueFactory = _ => 500 };
var growth = new Option<double>("--growth") { Description = "How much resident memory may grow after it settled, in percent.", DefaultValueFactory = _ => 1 };
var device = new Option<string>("--device") { Description = "auto, cpu or cuda:N.", DefaultValueFactory = _ => "cpu" };
var command = new RootCommand("Trains for many steps, and fails where memory, tensors, threads, files or leases grow.") { steps, settled, every, growth, device };
command.SetAction((arguments, _) => SteadyTraining.RunAsync(
    arguments.GetValue(steps), arguments.GetValue(settled), arguments.GetValue(every), arguments.GetValue(growth), arguments.GetValue(device)!, Console.Out));
return await command.Parse(args).InvokeAsync();
