using System.CommandLine;
using System.Globalization;

namespace Horizon.Flow.Cli;

/// <summary><c>--trace steps=N</c>: how many steps to write a trace of; 0 where it is not given.</summary>
internal sealed class TraceOption : Option<int>
{
    private const string Prefix = "steps=";

    public TraceOption()
        : base("--trace")
    {
        Description = "Write a timeline of so many steps, from the second on, to trace.json under output.directory.";
        HelpName = "steps=N";
        CustomParser = result =>
        {
            var text = result.Tokens.Single().Value;
            if (text.StartsWith(Prefix, StringComparison.Ordinal) && int.TryParse(text.AsSpan(Prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var steps) && steps > 0)
                return steps;
            result.AddError($"--trace {text}: write it as steps=N with N of at least 1, for instance --trace steps=3.");
            return 0;
        };
    }
}
