using System.CommandLine;
using System.Globalization;
using Horizon.Flow.Devices;
using Horizon.Flow.Runs.Data;

namespace Horizon.Flow.Cli;

/// <summary><c>horizon score</c>.</summary>
public sealed class ScoreCommand : Command, IExample
{
    private readonly Option<string> _model = new("--model") { Description = "The folder of a reward model.", HelpName = "DIR", Required = true };
    private readonly Option<string> _data = new("--data") { Description = "A file or folder of records to score.", HelpName = "FILE", Required = true };

    /// <summary>Creates the command.</summary>
    public ScoreCommand()
        : base("score", "Score texts with a reward model: a number a line, in the order of the records.")
    {
        Options.Add(_model);
        Options.Add(_data);
        SetAction(RunAsync);
    }

    /// <inheritdoc/>
    public string Example => """
        horizon score --model out/model --data answers.jsonl
        # prints the score of each record of prompt and completion, of messages, or of text
        """;

    private async Task<int> RunAsync(ParseResult parse, CancellationToken cancellation)
    {
        var (output, error) = (parse.InvocationConfiguration.Output, parse.InvocationConfiguration.Error);
        void Notice(string notice) => error.WriteLine($"note: {notice}");
        using var device = ComputeDevice.Parse("auto", Notice);
        await foreach (var score in ScoredData.ScoreAsync(parse.GetValue(_model)!, parse.GetValue(_data)!, device, Notice, cancellation).ConfigureAwait(false))
            await output.WriteLineAsync(score.ToString("R", CultureInfo.InvariantCulture)).ConfigureAwait(false);
        return ExitCodes.Success;
    }
}
