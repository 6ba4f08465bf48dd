using Horizon.Flow.Cli;

using var output = new UnfailingWriter(() => Console.Out);
using var error = new UnfailingWriter(() => Console.Error);
if (Limits.Problem() is { } problem)
{
    error.WriteLine($"error: {problem}");
    return ExitCodes.Failure;
}

// Of threads that are nobody's to await.
AppDomain.CurrentDomain.UnhandledException += (_, thrown) => Environment.Exit(ErrorReport.Write((Exception)thrown.ExceptionObject, error, verbose: false));
return await HorizonCommandLine.WithLibrary().RunAsync(args, output, error).ConfigureAwait(false);
