using System.CommandLine;
using System.Globalization;
using System.Numerics;
using Horizon.Flow.Runs.Generation;

namespace Horizon.Flow.Cli;

/// <summary>The options of every command that samples from a model.</summary>
internal sealed class SamplingInput
{
    private readonly Option<string> _model = new("--model") { Description = "A Hugging Face folder, such as a run's model/.", HelpName = "DIR", Required = true };

    private readonly Option<string> _adapter = new("--adapter") { Description = "A PEFT folder with adapters for the model, such as the model/ of a run with training.adapter.", HelpName = "DIR" };

    private readonly Option<int> _maxTokens;

    private readonly Option<double> _temperature = Number(
        "--temperature", "T", "How freely to choose: 0 takes the likeliest token, 1 follows the model's probabilities.",
        0.8, temperature => temperature >= 0 && double.IsFinite(temperature), "a number, 0 or more");

    private readonly Option<int> _topK = Number("--top-k", "K", "Choose among the K likeliest tokens; 0 for all.", 0, k => k >= 0, "a whole number, 0 or more");

    private readonly Option<double> _topP = Number(
        "--top-p", "P", "Choose among the fewest tokens that are together as likely as P.", 1.0, p => p is > 0 and <= 1, "a number above 0, at most 1");

    private readonly Option<double> _minP = Number(
        "--min-p", "P", "Choose among the tokens that are at least P times as likely as the likeliest.", 0.0, p => p is >= 0 and <= 1, "a number from 0 to 1");

    private readonly Option<double> _repetitionPenalty = Number(
        "--repetition-penalty", "R", "Make tokens that the text holds already less likely; 1 for no less.", 1.0, r => r > 0 && double.IsFinite(r), "a number above 0");

    private readonly Option<string[]> _stop = new("--stop")
    {
        Description = "End the text in front of this; may be given again.",
        HelpName = "TEXT",
        AllowMultipleArgumentsPerToken = false,
    };

    private readonly Option<long> _seed = Number(
        "--seed", "S", "Where the random choices start; the same seed gives the same text.", 42L, seed => seed >= 0, "a whole number, 0 or more");

    public SamplingInput(Command command, int maxTokens)
    {
        _maxTokens = Number("--max-tokens", "N", "Tokens at most.", maxTokens, tokens => tokens >= 1, "a whole number, 1 or more");
        _stop.Validators.Add(result =>
        {
            if (result.Tokens.Any(token => token.Value.Length == 0)) result.AddError("--stop needs a text; without one, leave it out.");
        });
        foreach (var option in (Option[])[_model, _adapter, _maxTokens, _temperature, _topK, _topP, _minP, _repetitionPenalty, _stop, _seed]) command.Options.Add(option);
    }

    /// <summary>The model's folders.</summary>
    /// <exception cref="HorizonException">One is not there.</exception>
    public ModelFolders Model(ParseResult parse) => new(
        Existing("--model", parse.GetRequiredValue(_model)), parse.GetValue(_adapter) is { } adapter ? Existing("--adapter", adapter) : null);

    public GenerationOptions Options(ParseResult parse) => new()
    {
        MaxTokens = parse.GetValue(_maxTokens),
        Temperature = parse.GetValue(_temperature),
        TopK = parse.GetValue(_topK),
        TopP = parse.GetValue(_topP),
        MinP = parse.GetValue(_minP),
        RepetitionPenalty = parse.GetValue(_repetitionPenalty),
        Stop = parse.GetValue(_stop) ?? [],
        Seed = parse.GetValue(_seed),
    };

    /// <summary>A folder that is there.</summary>
    /// <exception cref="HorizonException">It is not.</exception>
    public static string Existing(string option, string folder) =>
        Directory.Exists(folder) ? folder : throw new HorizonException($"{option} {folder}: there is no such folder.");

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
