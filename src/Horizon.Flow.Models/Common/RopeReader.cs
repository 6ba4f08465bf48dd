namespace Horizon.Flow.Models.Common;

/// <summary>
/// Reads rotary settings from where transformers has kept them: <c>rope_theta</c> and <c>rope_scaling</c> at the top level, and, since version
/// 5, both in <c>rope_parameters</c>, once for all layers or once for each layer type.
/// </summary>
internal sealed class RopeReader
{
    private const double MaximumTheta = 1e15;
    private const string Partial = "partial_rotary_factor";

    private readonly ConfigJson _json;
    private readonly DecoderDefaults _defaults;
    private readonly int _maximumSequenceLength;
    private readonly int _headDimension;
    private readonly double _theta;

    private RopeReader(ConfigJson json, DecoderDefaults defaults, int maximumSequenceLength, int headDimension)
    {
        (_json, _defaults, _maximumSequenceLength, _headDimension) = (json, defaults, maximumSequenceLength, headDimension);
        _theta = json.Number("rope_theta", 1, MaximumTheta, defaults.Theta);
        _ = Fraction(json, null);
    }

    /// <summary>The settings that hold for every layer.</summary>
    /// <param name="json">The file.</param>
    /// <param name="defaults">The family's.</param>
    /// <param name="maximumSequenceLength">max_position_embeddings.</param>
    /// <param name="headDimension">Width of a head.</param>
    /// <exception cref="HorizonException">They are not supported, contradict each other, or differ between layers.</exception>
    public static RopeConfig Read(ConfigJson json, DecoderDefaults defaults, int maximumSequenceLength, int headDimension) =>
        new RopeReader(json, defaults, maximumSequenceLength, headDimension).ReadForAll();

    /// <summary>The settings of layers that see everything and of those with a window.</summary>
    /// <param name="json">The file.</param>
    /// <param name="defaults">The family's.</param>
    /// <param name="config">The longest sequence and the width of a head.</param>
    /// <param name="localTheta">The base of layers with a window in files that do not name layer types; null for that of the others. Their frequencies were never scaled.</param>
    public static (RopeConfig Full, RopeConfig Sliding) ReadByLayerType(ConfigJson json, DecoderDefaults defaults, ModelConfig config, double? localTheta)
    {
        var reader = new RopeReader(json, defaults, config.MaximumSequenceLength, config.HeadDimension);
        if (json.Object("rope_parameters") is { } place && place.Keys.Any(place.IsObject))
        {
            var byType = reader.ByType(place);
            if (json.Object("rope_scaling") is not null) throw json.Refuse("rope_scaling", "stands beside rope_parameters by layer type; remove one of them");
            RopeConfig Of(string type, double theta) => byType.GetValueOrDefault(type) ?? reader.Plain(theta);
            return (Of("full_attention", reader._theta), Of("sliding_attention", localTheta ?? reader._theta));
        }

        var full = reader.ReadForAll();
        return (full, reader.Plain(localTheta ?? full.Theta));
    }

    private RopeConfig Plain(double theta) =>
        new() { Theta = theta, RotatedFraction = _defaults.RotatedFraction ?? 1, Interleaved = _defaults.Interleaved };

    private RopeConfig ReadForAll()
    {
        var parameters = _json.Object("rope_parameters") is { } place ? ReadParameters(place) : null;
        if (_json.Object("rope_scaling") is not { } scaling)
            return parameters ?? Plain(_theta) with { RotatedFraction = Fraction(_json, null) };
        var older = ReadOne(scaling);
        if (parameters is not null && !(older with { Theta = parameters.Theta }).IsSameAs(parameters))
            throw _json.Refuse("rope_scaling", "says something other than rope_parameters; remove one of them");
        return parameters ?? older;
    }

    // Those of layer types that no layer has do not count.
    private RopeConfig ReadParameters(ConfigJson parameters)
    {
        if (!parameters.Keys.Any(parameters.IsObject)) return ReadOne(parameters);
        var byType = ByType(parameters);
        var types = _json.Texts("layer_types") is { Count: > 0 } named ? named.Distinct().ToList() : [.. byType.Keys];
        if (types.FirstOrDefault(type => !byType.ContainsKey(type)) is { } lacking)
            throw _json.Refuse("rope_parameters", $"has no settings for layers of type '{lacking}', which layer_types names");
        var first = byType[types[0]];
        return types.All(type => byType[type].IsSameAs(first)) ? first
            : throw _json.Refuse("rope_parameters", $"differs between layer types ({string.Join(", ", types)}), which is not supported for this architecture");
    }

    private Dictionary<string, RopeConfig> ByType(ConfigJson parameters)
    {
        if (parameters.Keys.FirstOrDefault(key => !parameters.IsObject(key)) is { } plain)
            throw parameters.Refuse(plain, "stands beside settings by layer type, so that it is not clear which layers it is for");
        return parameters.Keys.ToDictionary(type => type, type => ReadOne(parameters.Object(type)!));
    }

    private RopeConfig ReadOne(ConfigJson settings)
    {
        var rope = Plain(settings.Number("rope_theta", 1, MaximumTheta, _theta)) with { RotatedFraction = Fraction(settings, Fraction(_json, null)) };
        // Before version 4.43 the key was "type", and some files have both; Phi-3 called longrope "su".
        var (name, older) = (settings.Text("rope_type"), settings.Text("type"));
        if (name is not null && older is not null && name != older) throw settings.Refuse("type", $"is '{older}' where rope_type is '{name}'");
        return (name ?? older ?? "default") switch
        {
            "default" => rope,
            "linear" => rope with { Kind = RopeKind.Linear, Factor = Factor(settings) },
            "dynamic" when _defaults.RopeAlpha && settings.Has("alpha") => ReadAlpha(rope, settings),
            "dynamic" => rope with { Kind = RopeKind.Dynamic, Factor = Factor(settings), OriginalMaximumSequenceLength = _maximumSequenceLength },
            "llama3" => ReadLlama3(rope, settings),
            "yarn" => ReadYarn(rope, settings),
            "longrope" or "su" => ReadLongRope(rope, settings),
            "proportional" when _defaults.RotatedFraction is not null =>
                rope with { Kind = RopeKind.Proportional, Factor = settings.Number("factor", 1, 1e9, 1), RotatedFraction = Fraction(settings, 1) },
            var other => throw settings.Refuse(
                name is null ? "type" : "rope_type",
                $"asks for the rotary type '{other}', which is not supported; supported are default, linear, dynamic, llama3, yarn and longrope"),
        };
    }

    // A base that is larger for every sequence; factor and the yarn of its authors' own code are not used.
    private RopeConfig ReadAlpha(RopeConfig rope, ConfigJson settings)
    {
        foreach (var unused in new[] { "factor", "beta_fast", "beta_slow", "mscale", "mscale_all_dim" }) _ = settings.Has(unused);
        return _headDimension > 2
            ? rope with { Theta = rope.Theta * Math.Pow(settings.Number("alpha", 1e-6, 1e9), _headDimension / (_headDimension - 2.0)) }
            : throw settings.Refuse("alpha", "needs a head_dim above 2");
    }

    private RopeConfig ReadLlama3(RopeConfig rope, ConfigJson settings)
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
            OriginalMaximumSequenceLength = Original(settings),
        };
    }

    private RopeConfig ReadYarn(RopeConfig rope, ConfigJson settings)
    {
        var original = Original(settings);
        var factor = settings.Has("factor") ? Factor(settings) : (double)_maximumSequenceLength / original;
        double Grown(double scale) => factor <= 1 ? 1 : (0.1 * scale * Math.Log(factor)) + 1;
        var (scale, all) = (settings.Number("mscale", 0, 1e3, 0), settings.Number("mscale_all_dim", 0, 1e3, 0));
        return rope with
        {
            Kind = RopeKind.Yarn,
            Factor = factor,
            OriginalMaximumSequenceLength = original,
            BetaFast = settings.Number("beta_fast", 1e-6, 1e6, 32),
            BetaSlow = settings.Number("beta_slow", 1e-6, 1e6, 1),
            Truncate = settings.Flag("truncate", true),
            AttentionFactor = settings.Number("attention_factor", 1e-6, 1e6, scale > 0 && all > 0 ? Grown(scale) / Grown(all) : Grown(1)),
        };
    }

    private RopeConfig ReadLongRope(RopeConfig rope, ConfigJson settings)
    {
        // Phi-3 says the original context beside the settings, and where there is no factor it follows from it.
        var original = _json.Has("original_max_position_embeddings")
            ? _json.Integer("original_max_position_embeddings", 2, int.MaxValue)
            : Original(settings);
        if (settings.Has("original_max_position_embeddings") && Original(settings) != original)
            throw settings.Refuse("original_max_position_embeddings", $"is {Original(settings)} where the model's is {original}");
        var factor = settings.Number("factor", 1e-6, 1e9, (double)_maximumSequenceLength / original);
        IReadOnlyList<double> Factors(string key) => settings.Numbers(key, 1e-6, 1e9) ?? throw settings.Refuse(key, "is missing");
        return rope with
        {
            Kind = RopeKind.LongRope,
            Factor = factor,
            OriginalMaximumSequenceLength = original,
            ShortFactors = Factors("short_factor"),
            LongFactors = Factors("long_factor"),
            AttentionFactor = settings.Number("attention_factor", 1e-6, 1e6, factor <= 1 ? 1 : Math.Sqrt(1 + (Math.Log(factor) / Math.Log(original)))),
        };
    }

    private int Original(ConfigJson settings) => settings.Integer("original_max_position_embeddings", 2, int.MaxValue, _maximumSequenceLength);

    private static double Factor(ConfigJson settings) => settings.Number("factor", 1, 1e9);

    private double Fraction(ConfigJson json, double? fallback)
    {
        var fraction = json.Number(Partial, 0, 1, fallback ?? _defaults.RotatedFraction ?? 1);
        if (_defaults.RotatedFraction is null && fraction != 1) throw json.Refuse(Partial, "other than 1 (rotating a part of each head) is not supported");
        return fraction > 0 ? fraction : throw json.Refuse(Partial, "must be above 0");
    }
}
