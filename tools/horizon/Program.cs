using Horizon.Flow.Cli;

return await HorizonCommandLine.WithLibrary().RunAsync(args, Console.Out, Console.Error).ConfigureAwait(false);
