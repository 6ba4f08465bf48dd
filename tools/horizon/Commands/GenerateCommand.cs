using System.CommandLine;
using System.Globalization;
using System.Numerics;

namespace Horizon.Flow.Cli;

/// <summary><c>horizon generate</c>.</summary>
public sealed class GenerateCommand : Command, IExample
{
    private readonly IGenerator _generator;
    private readonly Option<string> _model = new("--model") { Description = "A Hugging Face folder, such as a run's model/.", HelpName = "DIR", Required = true };
    private readonly Option<string> _prompt = new("--prompt") { Description = "The text to continue.", HelpName = "TEXT", Required = true };

    private readonly Option<int> _maxTokens = Number("--max-tokens", "N", "Tokens at most.", 128, tokens => tokens >= 1, "a whole number, 1 or more");

    private readonly Option<double> _temperature = Number(
        "--temperature", "T", "How freely to choose: 0 takes the likeliest token, 1 follows the model's probabilities.",
        0.8, temperature => temperature >= 0 && double.IsFinite(temperature), "a number, 0 or more");

    private readonly Option<long> _seed = Number(
        "--seed", "S", "Where the random choices start; the same seed gives the same text.", 42L, seed => seed >= 0, "a whole number, 0 or more");

    /// <summary>Creates the command.</summary>
    public GenerateCommand(IGenerator generator)
        : base("generate", "Continue a text with a model.")
    {
        _generator = generator;
        foreach (var option in (Option[])[_model, _prompt, _maxTokens, _temperature, _seed])
            Options.Add(option);
        SetAction(RunAsync);
    }

    /// <inheritdoc/>
    public string Example => """
        horizon generate --model out/model --prompt "Once upon a time" --max-tokens 64 --seed 1
        # prints the continuation as it is sampled
        """;

    private async Task<int> RunAsync(ParseResult parse, CancellationToken cancellation)
    {
        var request = new GenerateRequest(
            parse.GetRequiredValue(_model), parse.GetRequiredValue(_prompt), parse.GetValue(_maxTokens), parse.GetValue(_temperature), parse.GetValue(_seed));
        if (!Directory.Exists(request.ModelDirectory))
            throw new HorizonException($"--model {request.ModelDirectory}: there is no such folder.");
        var output = parse.InvocationConfiguration.Output;
        await foreach (var piece in _generator.GenerateAsync(request, cancellation).ConfigureAwait(false))
        {
            await output.WriteAsync(piece).ConfigureAwait(false);
            await output.FlushAsync(cancellation).ConfigureAwait(false);
        }
        await output.WriteLineAsync().ConfigureAwait(false);
        return ExitCodes.Success;
    }

    private static Option<T> Number<T>(string name, string helpName, string description, T value, Func<T, bool> allowed, string expected)
        where T : INumber<T> => new(name)
        {
            Description = description,
            HelpName = helpName,
            DefaultValueFactory = _ => value,
            CustomParser = result =>
            {
                var text = result.Tokens[0].Value;
                if (T.TryParse(text, CultureInfo.InvariantCulture, out var number) && allowed(number))
                    return number;
                result.AddError($"{name} {text} should be {expected}.");
                return value;
            },
        };
}
