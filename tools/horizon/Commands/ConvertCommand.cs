using System.CommandLine;
using Horizon.Flow.Runs.Conversion;

namespace Horizon.Flow.Cli;

/// <summary><c>horizon convert</c>.</summary>
public sealed class ConvertCommand : Command, IExample
{
    /// <summary>Creates the command.</summary>
    public ConvertCommand()
        : base("convert", "Turn a recipe of LLaMA-Factory or axolotl into a configuration, and say what has no counterpart or means something else.")
    {
        var file = new Argument<string>("FILE") { Description = "The recipe, a YAML file." };
        var output = new Option<string>("--output", "-o") { Description = "Write the configuration there, and its notes here; it is printed otherwise.", HelpName = "FILE" };
        Arguments.Add(file);
        Options.Add(output);
        SetAction(parse =>
        {
            var recipe = RecipeConverter.ConvertFile(parse.GetValue(file)!);
            var writer = parse.InvocationConfiguration.Output;
            if (parse.GetValue(output) is not { } path)
            {
                writer.Write(recipe.ToString());
                return ExitCodes.Success;
            }

            Write(path, recipe.ToString());
            foreach (var note in recipe.Notes) writer.WriteLine(note);
            writer.WriteLine($"written to {path}");
            return ExitCodes.Success;
        });
    }

    /// <inheritdoc/>
    public string Example => """
        horizon convert llama3_full_sft.yaml -o run.yaml
        # what it says of changes and of keys without a counterpart stands in the file, too
        """;

    private static void Write(string path, string text)
    {
        try
        {
            using var file = new FileStream(path, FileMode.CreateNew);
            using var writer = new StreamWriter(file);
            writer.Write(text);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new HorizonException(File.Exists(path) ? $"{path} is there already: name another file, or remove it." : $"{path} cannot be written: {error.Message}", error);
        }
    }
}
