using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;
using Horizon.Flow.Runs.Loading;
using Horizon.Flow.Runs.Sections;
using Horizon.Flow.Runs.Validation;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Runs.Tests.Loading;

/// <summary>Whatever a file holds, loading gives a configuration or a <see cref="HorizonException"/>, never anything else.</summary>
[Properties(Arbitrary = [typeof(RunConfigurations)])]
public class ConfigurationFuzzTests
{
    private static readonly string[] Fragments =
        ["{", "}", "[", "]", ":", ": ", ",", "\n", "\n  ", "\t", "&a ", "*a", "<<: *a", "!!int ", "!", "%YAML 9999999999.1\n", "%TAG", "---\n", "...\n", "|\n", ">-\n",
         "\"", "'", "\\", "\"\\UFFFFFFFF\"", "\"\\x", "\"\\ud800\"", "\uFEFF", "\0", "\u0085", "\ud83d", "#", "? ", "- ", "~", "null", "-1", "1e999", "0x10", "NaN", ".inf",
         "99999999999999999999", "training:", "optimizer", "\r", "\r\n", "@", "`", "%"];

    [Cases(2000)]
    public void Parse_MutatedFile_GivesConfigurationOrHorizonException(RunConfiguration configuration, int seed)
    {
        var yaml = Mutate(ConfigurationWriter.ToYaml(configuration), new System.Random(seed));
        AssertLoadsOrRefuses(() => ConfigurationLoader.Parse(yaml, "run.yaml", "/", use: ConfigurationUse.Inspect));
    }

    [Cases(500)]
    public Property Parse_FragmentsInAnyOrder_GivesConfigurationOrHorizonException() => Prop.ForAll(
        Gen.Elements(Fragments).ListOf().ToArbitrary(),
        parts => AssertLoadsOrRefuses(() => ConfigurationLoader.Parse(string.Concat(parts), "run.yaml", "/")));

    [Cases(500)]
    public void Parse_AnyAssignment_GivesConfigurationOrHorizonException(RunConfiguration configuration, string? key, string? value, int seed)
    {
        var random = new System.Random(seed);
        string[] keys = [key ?? "", "device", "training.batch_size", "optimizer", "optimizer.groups", "model.path", "optimizer.groups.0"];
        var assignment = $"{keys[random.Next(keys.Length)]}={value}{Fragments[random.Next(Fragments.Length)]}";
        var yaml = ConfigurationWriter.ToYaml(configuration);
        AssertLoadsOrRefuses(() => ConfigurationLoader.Parse(yaml, "run.yaml", "/", [assignment], ConfigurationUse.Inspect));
    }

    private static void AssertLoadsOrRefuses(Func<RunConfiguration> load)
    {
        try
        {
            Assert.NotNull(load());
        }
        catch (HorizonException error)
        {
            Assert.All(error.Message.Split('\n'), line => Assert.DoesNotContain(line, char.IsControl));
            Assert.All(error.Message.Split('\n'), line => Assert.EndsWith(".", line, StringComparison.Ordinal));
        }
    }

    private static string Mutate(string yaml, System.Random random)
    {
        for (var i = random.Next(1, 5); i > 0; i--)
        {
            var at = random.Next(yaml.Length + 1);
            yaml = random.Next(4) switch
            {
                0 => yaml.Insert(at, Fragments[random.Next(Fragments.Length)]),
                1 => yaml[..at],
                2 => yaml.Remove(at, random.Next(Math.Min(12, yaml.Length - at) + 1)),
                _ => yaml.Insert(at, yaml[at..Math.Min(yaml.Length, at + random.Next(40))]),
            };
        }
        return yaml;
    }
}
