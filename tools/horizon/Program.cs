using Horizon.Flow.Cli;

using var output = new UnfailingWriter(() => Console.Out);
using var error = new UnfailingWriter(() => Console.Error);
return await HorizonCommandLine.WithLibrary().RunAsync(args, output, error).ConfigureAwait(false);
