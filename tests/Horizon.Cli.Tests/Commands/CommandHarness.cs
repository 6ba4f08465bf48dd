using System.CommandLine;

namespace Horizon.Flow.Cli.Tests.Commands;

/// <summary>Runs one command line in this process.</summary>
public sealed record CommandHarness(int ExitCode, string Output, string Error)
{
    public static Task<CommandHarness> RunAsync(Command command, params string[] arguments) => RunAsync(new HorizonCommandLine([command]), arguments);

    public static async Task<CommandHarness> RunAsync(HorizonCommandLine program, params string[] arguments)
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var error = new StringWriter { NewLine = "\n" };
        var code = await program.RunAsync(arguments, output, error);
        return new CommandHarness(code, output.ToString(), error.ToString());
    }
}
