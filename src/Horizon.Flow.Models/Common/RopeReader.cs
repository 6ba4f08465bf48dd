namespace Horizon.Flow.Models.Common;

/// <summary>
/// Reads rotary settings from where transformers has kept them: <c>rope_theta</c> and <c>rope_scaling</c> at the top level, and, since version
/// 5, both in <c>rope_parameters</c>, once for all layers or once for each layer type.
/// </summary>
internal static class RopeReader
{
    private const double MaximumTheta = 1e15;

    /// <summary>The settings that hold for every layer.</summary>
    /// <exception cref="HorizonException">They are not supported, contradict each other, or differ between layers.</exception>
    public static RopeConfig Read(ConfigJson json, int maximumSequenceLength)
    {
        var theta = json.Number("rope_theta", 1, MaximumTheta, 10_000);
        RefusePartialRotation(json);
        var parameters = json.Object("rope_parameters") is { } place ? ReadParameters(json, place, theta, maximumSequenceLength) : null;
        if (json.Object("rope_scaling") is not { } scaling) return parameters ?? new RopeConfig { Theta = theta };
        var older = ReadOne(scaling, theta, maximumSequenceLength);
        if (parameters is not null && older with { Theta = parameters.Theta } != parameters)
            throw json.Refuse("rope_scaling", "says something other than rope_parameters; remove one of them");
        return parameters ?? older;
    }

    // Those of layer types that no layer has do not count.
    private static RopeConfig ReadParameters(ConfigJson json, ConfigJson parameters, double theta, int maximumSequenceLength)
    {
        if (!parameters.Keys.Any(parameters.IsObject)) return ReadOne(parameters, theta, maximumSequenceLength);
        if (parameters.Keys.FirstOrDefault(key => !parameters.IsObject(key)) is { } plain)
            throw parameters.Refuse(plain, "stands beside settings by layer type, so that it is not clear which layers it is for");
        var byType = parameters.Keys.ToDictionary(type => type, type => ReadOne(parameters.Object(type)!, theta, maximumSequenceLength));
        var types = json.Texts("layer_types") is { Count: > 0 } named ? named.Distinct().ToList() : [.. byType.Keys];
        if (types.FirstOrDefault(type => !byType.ContainsKey(type)) is { } lacking)
            throw json.Refuse("rope_parameters", $"has no settings for layers of type '{lacking}', which layer_types names");
        var first = byType[types[0]];
        return types.All(type => byType[type] == first) ? first
            : throw json.Refuse("rope_parameters", $"differs between layer types ({string.Join(", ", types)}), which is not supported for this architecture");
    }

    private static RopeConfig ReadOne(ConfigJson settings, double theta, int maximumSequenceLength)
    {
        RefusePartialRotation(settings);
        var rope = new RopeConfig { Theta = settings.Number("rope_theta", 1, MaximumTheta, theta) };
        // Before version 4.43 the key was "type"; some files have both.
        var (name, older) = (settings.Text("rope_type"), settings.Text("type"));
        if (name is not null && older is not null && name != older) throw settings.Refuse("type", $"is '{older}' where rope_type is '{name}'");
        return (name ?? older ?? "default") switch
        {
            "default" => rope,
            "linear" => rope with { Kind = RopeKind.Linear, Factor = Factor(settings) },
            "llama3" => ReadLlama3(rope, settings, maximumSequenceLength),
            var other => throw settings.Refuse(name is null ? "type" : "rope_type", $"asks for the rotary type '{other}', which is not supported; supported are default, linear and llama3"),
        };
    }

    private static RopeConfig ReadLlama3(RopeConfig rope, ConfigJson settings, int maximumSequenceLength)
    {
        var low = settings.Number("low_freq_factor", 1e-6, 1e6);
        var high = settings.Number("high_freq_factor", 1e-6, 1e6);
        if (high <= low) throw settings.Refuse("high_freq_factor", $"({high}) must be above low_freq_factor ({low})");
        return rope with
        {
            Kind = RopeKind.Llama3,
            Factor = Factor(settings),
            LowFrequencyFactor = low,
            HighFrequencyFactor = high,
            OriginalMaximumSequenceLength =
                settings.Integer("original_max_position_embeddings", 1, int.MaxValue, maximumSequenceLength),
        };
    }

    private static double Factor(ConfigJson settings) => settings.Number("factor", 1, 1e9);

    private static void RefusePartialRotation(ConfigJson json)
    {
        if (json.Number("partial_rotary_factor", 0, 1, 1) != 1)
            throw json.Refuse("partial_rotary_factor", "other than 1 (rotating a part of each head) is not supported");
    }
}
