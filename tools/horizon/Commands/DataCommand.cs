using System.CommandLine;
using Horizon.Flow.Runs.Validation;

namespace Horizon.Flow.Cli;

/// <summary><c>horizon data</c>.</summary>
public sealed class DataCommand : Command, IExample
{
    private const int MostExamples = 1000;

    /// <summary>Creates the command.</summary>
    public DataCommand(IDataInspector inspector)
        : base("data", "Show what a configuration would train on: counts, lengths, what is left out, and the first examples.")
    {
        var input = new ConfigurationInput(this, ConfigurationUse.Data);
        var examples = new Option<int>("--examples") { Description = "How many documents to show.", HelpName = "N", DefaultValueFactory = _ => 3 };
        examples.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() is < 0 or > MostExamples)
                result.AddError($"--examples {result.Tokens[0].Value}: it should be 0 to {MostExamples}.");
        });
        Options.Add(examples);
        SetAction(parse =>
        {
            var report = inspector.Inspect(input.Load(parse), parse.GetValue(examples), DataProgressLines.To(parse.InvocationConfiguration.Error));
            DataText.Write(report, parse.InvocationConfiguration.Output);
            return ExitCodes.Success;
        });
    }

    /// <inheritdoc/>
    public string Example => """
        horizon data run.yaml --examples 5
        # counts, a histogram of lengths, what is left out and why, and five examples with the trained tokens marked
        """;
}
