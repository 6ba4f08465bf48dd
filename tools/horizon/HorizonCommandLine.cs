using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Horizon.Flow.Cli;

/// <summary>The program: parses the command line, runs one command and turns what goes wrong into a message and an exit code.</summary>
public sealed class HorizonCommandLine
{
    private static readonly ParserConfiguration Parsing = new()
    {
        // A prompt may begin with @.
        ResponseFileTokenReplacer = null,
        EnablePosixBundling = false,
    };

    private readonly RootCommand _root = new("Horizon.Flow trains large language models through a small GPU: the parameters live in host memory and stream by.");
    private readonly Option<bool> _verbose = new("--verbose") { Hidden = true, Recursive = true };

    /// <summary>Creates the program with its commands.</summary>
    public HorizonCommandLine(IEnumerable<Command> commands)
    {
        ArgumentNullException.ThrowIfNull(commands);
        foreach (var command in commands)
            _root.Subcommands.Add(command);
        _root.Options.Add(_verbose);
        var help = _root.Options.OfType<HelpOption>().Single();
        help.Action = new ExampleHelp((HelpAction)help.Action!);
    }

    /// <summary>The program as it ships: every command, with the library behind it.</summary>
    public static HorizonCommandLine WithLibrary() => new(
    [
        new TrainCommand(new Trainer(), TrainingProgress.For),
        new PlanCommand(new Planner()),
        new GraphCommand(new GraphDrawer()),
        new DataCommand(new DataInspector()),
        new ReportCommand(),
        new ScoreCommand(),
        new ConvertCommand(),
        new ExportCommand(),
        new GenerateCommand(new Generator()),
        new ChatCommand(new Generator(), Console.In),
        new ServeCommand(new Server()),
    ]);

    /// <summary>Runs one command line to its exit code.</summary>
    /// <param name="arguments">The words after the program's name.</param>
    /// <param name="output">Standard output.</param>
    /// <param name="error">Standard error.</param>
    public async Task<int> RunAsync(IReadOnlyList<string> arguments, TextWriter output, TextWriter error)
    {
        var parse = _root.Parse(arguments, Parsing);
        using var printed = Printed(output);
        using var complained = Printed(error);
        var code = await RunAsync(parse, printed, complained).ConfigureAwait(false);
        if (code != ExitCodes.Success || printed.TakeFailure() is not { } failure)
            return code;
        complained.WriteLine($"error: the output could not be written whole: {failure}");
        return ExitCodes.Failure;
    }

    private async Task<int> RunAsync(ParseResult parse, TextWriter output, TextWriter error)
    {
        // Signals are the commands' own: see StopSignals.
        var invocation = new InvocationConfiguration { Output = output, Error = error, EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null };
        if (parse.Action is ParseErrorAction)
            return ReportUsage(parse, error);
        try
        {
            return await parse.InvokeAsync(invocation).ConfigureAwait(false);
        }
        catch (Exception thrown)
        {
            return ErrorReport.Write(thrown, error, IsVerbose(parse));
        }
    }

    private static PrintedWriter Printed(TextWriter writer) => new(writer as UnfailingWriter ?? new UnfailingWriter(writer));

    private static int ReportUsage(ParseResult parse, TextWriter error)
    {
        foreach (var wrong in parse.Errors)
            error.WriteLine($"error: {wrong.Message}");
        if (parse.CommandResult.Command.Options.Any(option => option.Name == "--set") && parse.UnmatchedTokens.FirstOrDefault(token => token.IndexOf('=', StringComparison.Ordinal) > 0) is { } setting)
            error.WriteLine($"each setting has a --set of its own: --set {setting}");
        var command = parse.CommandResult.Command is RootCommand ? "" : $"{parse.CommandResult.Command.Name} ";
        error.WriteLine($"horizon {command}--help says how to write it");
        return ExitCodes.Usage;
    }

    private bool IsVerbose(ParseResult parse) =>
        parse.GetValue(_verbose) || Environment.GetEnvironmentVariable("HORIZON_VERBOSE") is not (null or "" or "0");
}
