using System.CommandLine;
using Horizon.Flow.Runs.Loading;
using Horizon.Flow.Runs.Sections;
using Horizon.Flow.Runs.Validation;

namespace Horizon.Flow.Cli;

/// <summary>The arguments of every command that reads a configuration: <c>CONFIG.yaml [--set key.path=value]…</c>.</summary>
internal sealed class ConfigurationInput
{
    private readonly Argument<string> _path = new("CONFIG") { Description = "The run's YAML file." };

    private readonly Option<string[]> _set = new("--set")
    {
        Description = "Set one key over the file's value, as in --set training.batch_size=4 or --set optimizer.betas=[0.9,0.99]; may be given again.",
        HelpName = "key.path=value",
        AllowMultipleArgumentsPerToken = false,
    };

    public ConfigurationInput(Command command)
    {
        _set.Validators.Add(result =>
        {
            foreach (var token in result.Tokens.Where(token => token.Value.IndexOf('=', StringComparison.Ordinal) <= 0))
                result.AddError($"--set {token.Value}: write it as key.path=value, for instance --set training.batch_size=4.");
        });
        command.Arguments.Add(_path);
        command.Options.Add(_set);
    }

    /// <summary>The configuration that the command line names.</summary>
    /// <exception cref="HorizonException">It cannot be read or is wrong.</exception>
    public RunConfiguration Load(ParseResult parse, ConfigurationUse use) =>
        ConfigurationLoader.Load(parse.GetRequiredValue(_path), parse.GetValue(_set), use);
}
