namespace Horizon.Flow.Models.Common;

/// <summary>
/// Reads rotary settings from where transformers has kept them: <c>rope_theta</c> and <c>rope_scaling</c> at the top level, and,
/// since version 5, both in <c>rope_parameters</c>, which wins.
/// </summary>
internal static class RopeReader
{
    private const double MaximumTheta = 1e15;

    public static RopeConfig Read(ConfigJson json, int maximumSequenceLength)
    {
        var (key, settings) = json.Object("rope_parameters") is { } parameters
            ? ("rope_parameters", parameters)
            : ("rope_scaling", json.Object("rope_scaling"));
        var rope = new RopeConfig { Theta = (settings?.Has("rope_theta") == true ? settings : json).Number("rope_theta", 1, MaximumTheta, 10_000) };
        RefusePartialRotation(json);
        if (settings is null) return rope;
        RefusePartialRotation(settings);

        // Before version 4.43 the key was "type".
        var name = settings.Text("rope_type") ?? settings.Text("type") ?? "default";
        return name switch
        {
            "default" => rope,
            "linear" => rope with { Kind = RopeKind.Linear, Factor = Factor(settings) },
            "llama3" => ReadLlama3(rope, settings, maximumSequenceLength),
            _ => throw json.Refuse(key, $"asks for the rotary type '{name}', which is not supported; supported are default, linear and llama3"),
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
