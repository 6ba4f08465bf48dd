using System.CommandLine;
using Horizon.Flow.Host.Files;

namespace Horizon.Flow.Cli;

/// <summary><c>horizon generate</c>.</summary>
public sealed class GenerateCommand : Command, IExample
{
    private const int LongestFile = 64 << 20;

    private readonly IGenerator _generator;
    private readonly SamplingInput _sampling;
    private readonly Option<string> _prompt = new("--prompt") { Description = "The text to continue.", HelpName = "TEXT" };
    private readonly Option<string> _prompts = new("--prompts") { Description = "A file of texts to continue, one a line.", HelpName = "FILE" };

    /// <summary>Creates the command.</summary>
    public GenerateCommand(IGenerator generator)
        : base("generate", "Continue a text with a model.")
    {
        _generator = generator;
        _sampling = new SamplingInput(this, maxTokens: 128);
        Options.Add(_prompt);
        Options.Add(_prompts);
        Validators.Add(result =>
        {
            if (result.GetResult(_prompt) is null == result.GetResult(_prompts) is null)
                result.AddError("generate needs a text to continue: --prompt TEXT, or --prompts FILE for several.");
        });
        SetAction(RunAsync);
    }

    /// <inheritdoc/>
    public string Example => """
        horizon generate --model out/model --prompt "Once upon a time" --max-tokens 64 --seed 1
        # prints the continuation as it is sampled, and how many tokens a second
        """;

    private async Task<int> RunAsync(ParseResult parse, CancellationToken cancellation)
    {
        var model = _sampling.Model(parse);
        IReadOnlyList<string> prompts = parse.GetValue(_prompts) is { } file ? Lines(file) : [parse.GetValue(_prompt)!];
        var (output, error) = (parse.InvocationConfiguration.Output, parse.InvocationConfiguration.Error);
        var clock = new GenerationClock(TimeProvider.System);
        var last = -1;
        await foreach (var (prompt, piece) in _generator.GenerateAsync(new GenerateRequest(model, prompts, _sampling.Options(parse)), notice => error.WriteLine($"note: {notice}"), cancellation).ConfigureAwait(false))
        {
            await BeginAsync(prompt).ConfigureAwait(false);
            clock.Add(piece.Tokens);
            await output.WriteAsync(piece.Text).ConfigureAwait(false);
            await output.FlushAsync(cancellation).ConfigureAwait(false);
        }

        await BeginAsync(prompts.Count - 1).ConfigureAwait(false);
        await output.WriteLineAsync().ConfigureAwait(false);
        await error.WriteLineAsync(clock.Describe()).ConfigureAwait(false);
        return ExitCodes.Success;

        // Of several, each text stands with its beginning, one that ends at once too.
        async Task BeginAsync(int prompt)
        {
            for (; last < prompt; last++)
            {
                if (last >= 0) await output.WriteLineAsync().ConfigureAwait(false);
                if (prompts.Count > 1) await output.WriteAsync(prompts[last + 1]).ConfigureAwait(false);
            }
        }
    }

    private static List<string> Lines(string file)
    {
        UntrustedFile.Check(file, LongestFile, "a file of prompts");
        List<string> lines = [.. File.ReadLines(file).Where(line => line.Length > 0)];
        return lines.Count > 0 ? lines : throw new HorizonException($"--prompts {file}: it holds no line.");
    }
}
