using System.Text;
using Horizon.Flow.Runs.Sections;
using Horizon.Flow.Runs.Validation;

namespace Horizon.Flow.Runs.Loading;

/// <summary>Reads, binds and checks a run's YAML file.</summary>
public static class ConfigurationLoader
{
    /// <summary>Loads a file. Relative paths in it are relative to its folder, those in overrides to the working directory.</summary>
    /// <param name="path">The YAML file, UTF-8.</param>
    /// <param name="overrides">Assignments such as <c>training.batch_size=4</c>; of two to one key the last counts.</param>
    /// <param name="use">What the configuration must name.</param>
    /// <returns>A configuration that <see cref="ConfigurationValidator"/> accepts, with absolute paths.</returns>
    /// <exception cref="HorizonException">
    /// The file cannot be read or is no YAML (names the line), or keys and values are wrong (a sentence a line, all of them).
    /// </exception>
    public static RunConfiguration Load(string path, IReadOnlyList<string>? overrides = null, ConfigurationUse use = ConfigurationUse.Train)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        return Parse(ReadFile(path), path, folder, overrides, use);
    }

    /// <summary>Loads a configuration from text.</summary>
    /// <param name="yaml">The document.</param>
    /// <param name="name">What messages call it.</param>
    /// <param name="baseDirectory">The absolute folder that its relative paths are relative to.</param>
    /// <param name="overrides">Assignments such as <c>training.batch_size=4</c>.</param>
    /// <param name="use">What the configuration must name.</param>
    /// <exception cref="HorizonException">As for <see cref="Load"/>.</exception>
    public static RunConfiguration Parse(
        string yaml, string name, string baseDirectory, IReadOnlyList<string>? overrides = null, ConfigurationUse use = ConfigurationUse.Train)
    {
        var document = YamlReader.Read(yaml, name, baseDirectory);
        foreach (var assignment in overrides ?? [])
            document = Override.Apply(document, assignment, Environment.CurrentDirectory);

        var problems = new ProblemList();
        var binder = new ConfigurationBinder(problems);
        var configuration = binder.Bind(document);
        foreach (var problem in ConfigurationValidator.Validate(configuration, use))
            problems.Add(problem.Key, $"{binder.PlaceOf(problem.Key) ?? name}: {problem.Sentence}");
        problems.ThrowIfAny();
        return configuration;
    }

    internal static string ReadFile(string path)
    {
        try
        {
            using var stream = File.OpenRead(path);
            // Four bytes a character at most; the bound holds for pipes and devices too, which have no length.
            var bytes = new byte[(4 * YamlReader.MaxCharacters) + 1];
            var count = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            if (count == bytes.Length)
                throw new HorizonException($"{path} is larger than a configuration can be ({YamlReader.MaxCharacters} characters).");
            var text = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true).GetString(bytes, 0, count);
            return text.TrimStart('\uFEFF');
        }
        catch (DecoderFallbackException error)
        {
            throw new HorizonException($"{path} is not UTF-8 text.", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            var why = error is FileNotFoundException or DirectoryNotFoundException ? "there is no such file"
                : Directory.Exists(path) ? "it is a folder; give the run's YAML file"
                : Quoting.OneLine(error.Message).TrimEnd('.');
            throw new HorizonException($"The configuration {path} cannot be read: {why}.", error);
        }
    }
}
