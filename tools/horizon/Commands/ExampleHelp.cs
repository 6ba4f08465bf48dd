using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Horizon.Flow.Cli;

/// <summary>The library's help with the command's example below it.</summary>
internal sealed class ExampleHelp(HelpAction help) : SynchronousCommandLineAction
{
    public override bool ClearsParseErrors => help.ClearsParseErrors;

    public override int Invoke(ParseResult parseResult)
    {
        var code = help.Invoke(parseResult);
        if (parseResult.CommandResult.Command is IExample { Example: var example })
        {
            var output = parseResult.InvocationConfiguration.Output;
            output.WriteLine("Example:");
            foreach (var line in example.Split('\n'))
                output.WriteLine($"  {line}");
            output.WriteLine();
        }
        return code;
    }
}
