using Horizon.Flow.Cli;

HorizonCommandLine program = new(
[
    new TrainCommand(new Trainer(), TrainingProgress.For),
    new PlanCommand(new Planner()),
    new GraphCommand(new GraphDrawer()),
    new GenerateCommand(new Generator()),
]);
return await program.RunAsync(args, Console.Out, Console.Error).ConfigureAwait(false);
