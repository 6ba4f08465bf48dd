using Horizon.Flow.Cli;

return await new HorizonCommandLine([]).RunAsync(args, Console.Out, Console.Error).ConfigureAwait(false);
