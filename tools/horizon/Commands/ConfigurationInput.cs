using System.CommandLine;
using System.Text.Json;
using Horizon.Flow.Runs.Loading;
using Horizon.Flow.Runs.Sections;
using Horizon.Flow.Runs.Validation;

namespace Horizon.Flow.Cli;

/// <summary>The arguments of every command that reads a configuration: <c>CONFIG.yaml [--set key.path=value]…</c>.</summary>
internal sealed class ConfigurationInput
{
    private const string ModelFile = "config.json";

    private readonly ConfigurationUse _use;
    private readonly Argument<string> _path;

    private readonly Option<string[]> _set = new("--set")
    {
        Description = "Set one key over the file's value, as in --set training.batch_size=4 or --set optimizer.betas=[0.9,0.99]; may be given again.",
        HelpName = "key.path=value",
        AllowMultipleArgumentsPerToken = false,
    };

    /// <param name="command">Gets the arguments.</param>
    /// <param name="use">What it loads a configuration for. To inspect, a model alone will do in its place.</param>
    public ConfigurationInput(Command command, ConfigurationUse use)
    {
        _use = use;
        _path = new Argument<string>("CONFIG") { Description = use == ConfigurationUse.Inspect ? "The run's YAML file; or a model folder, or its config.json, for a run of that model with nothing else said." : "The run's YAML file." };
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
    public RunConfiguration Load(ParseResult parse)
    {
        var path = parse.GetRequiredValue(_path);
        var overrides = parse.GetValue(_set);
        if (ModelFolderOf(path) is not { } folder)
        {
            return _use == ConfigurationUse.Inspect && Directory.Exists(path)
                ? throw new HorizonException($"{path} is a folder without {ModelFile}; give the run's YAML file, or a model folder, of which {ModelFile} is enough.")
                : ConfigurationLoader.Load(path, overrides, _use);
        }

        return _use == ConfigurationUse.Inspect
            ? ConfigurationLoader.Parse($"model: {{ path: {JsonSerializer.Serialize(folder)} }}", path, folder, overrides, _use)
            : throw new HorizonException($"{path} is a model; write the run's YAML file, with model: {{ path: {folder} }} and data: {{ path: … }}, and give that.");
    }

    // A string in JSON is one in YAML, too.
    private static string? ModelFolderOf(string path)
    {
        if (Path.GetFileName(path) == ModelFile && File.Exists(path)) return Path.GetDirectoryName(Path.GetFullPath(path));
        return File.Exists(Path.Combine(path, ModelFile)) ? Path.GetFullPath(path) : null;
    }
}
