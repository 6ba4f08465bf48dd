using System.CommandLine;

namespace Horizon.Flow.Cli;

/// <summary><c>horizon chat</c>.</summary>
public sealed class ChatCommand : Command, IExample
{
    private readonly IGenerator _generator;
    private readonly TextReader _input;
    private readonly SamplingInput _sampling;
    private readonly Option<string> _system = new("--system") { Description = "What the system says first.", HelpName = "TEXT" };

    /// <summary>Creates the command.</summary>
    /// <param name="generator">Who answers.</param>
    /// <param name="input">What the user says, a line a turn.</param>
    public ChatCommand(IGenerator generator, TextReader input)
        : base("chat", "Talk with a model, by the chat template of its folder: a line is a turn, the end of the input ends it.")
    {
        _generator = generator;
        _input = input;
        _sampling = new SamplingInput(this, maxTokens: 1024);
        Options.Add(_system);
        SetAction(RunAsync);
    }

    /// <inheritdoc/>
    public string Example => """
        horizon chat --model out/model --system "You are brief." --top-p 0.9
        # answers line by line; Ctrl-D ends it
        """;

    private async Task<int> RunAsync(ParseResult parse, CancellationToken cancellation)
    {
        var (output, error) = (parse.InvocationConfiguration.Output, parse.InvocationConfiguration.Error);
        var clock = new GenerationClock(TimeProvider.System);
        await foreach (var piece in _generator.ChatAsync(_sampling.Model(parse), parse.GetValue(_system), _sampling.Options(parse), Turns(error), notice => error.WriteLine($"note: {notice}"), cancellation).ConfigureAwait(false))
        {
            if (piece is null)
            {
                await output.WriteLineAsync().ConfigureAwait(false);
                await error.WriteLineAsync($"[{clock.Describe()}]").ConfigureAwait(false);
                clock = new GenerationClock(TimeProvider.System);
                continue;
            }

            clock.Add(piece.Tokens);
            await output.WriteAsync(piece.Text).ConfigureAwait(false);
            await output.FlushAsync(cancellation).ConfigureAwait(false);
        }

        return ExitCodes.Success;
    }

    // The sign to speak is no part of the answers.
    private IEnumerable<string> Turns(TextWriter error)
    {
        while (true)
        {
            error.Write("> ");
            error.Flush();
            if (_input.ReadLine() is not { } line) yield break;
            if (line.Trim().Length > 0) yield return line;
        }
    }
}
