using FsCheck.Xunit;
using Horizon.Flow.Runs.Loading;
using Horizon.Flow.Runs.Sections;
using Horizon.Flow.Runs.Validation;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Runs.Tests.Loading;

[Properties(Arbitrary = [typeof(RunConfigurations)])]
public class ConfigurationRoundTripTests
{
    [Cases(500)]
    public void Parse_WhatWriterWrote_IsEqual(RunConfiguration configuration)
    {
        var yaml = ConfigurationWriter.ToYaml(configuration);
        Assert.Equal(configuration, ConfigurationLoader.Parse(yaml, "run.yaml", "/", use: ConfigurationUse.Inspect));
    }

    [Cases(300)]
    public void Parse_KeySetOnCommandLine_EqualsKeyInFile(RunConfiguration configuration, RunConfiguration other)
    {
        // Every key of `other`, one by one, in a line each.
        var overrides = Lines(ConfigurationWriter.ToYaml(other)).ToList();
        var yaml = ConfigurationWriter.ToYaml(configuration);
        Assert.Equal(other, ConfigurationLoader.Parse(yaml, "run.yaml", "/", overrides, ConfigurationUse.Inspect));
    }

    [Cases(50)]
    public void Parse_EmptyFileAndEverythingSet_EqualsFile(RunConfiguration configuration)
    {
        var overrides = Lines(ConfigurationWriter.ToYaml(configuration)).ToList();
        Assert.Equal(configuration, ConfigurationLoader.Parse("", "run.yaml", "/", overrides, ConfigurationUse.Inspect));
    }

    [Cases(200)]
    public void Equals_SameValues_SameHash(RunConfiguration configuration)
    {
        var copy = configuration with { Optimizer = configuration.Optimizer with { Groups = [.. configuration.Optimizer.Groups] } };
        Assert.Equal(configuration, copy);
        Assert.Equal(configuration.GetHashCode(), copy.GetHashCode());
    }

    // "section:" and below it "  key: value" as "section.key=value", to any depth.
    private static IEnumerable<string> Lines(string yaml)
    {
        var sections = new List<string>();
        foreach (var line in yaml.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            var (key, value) = (line[..colon].Trim(), line[(colon + 1)..].Trim());
            var depth = (line.Length - line.TrimStart(' ').Length) / 2;
            sections.RemoveRange(depth, sections.Count - depth);
            sections.Add(key);
            if (value.Length > 0)
                yield return $"{string.Join('.', sections)}={value}";
        }
    }
}
