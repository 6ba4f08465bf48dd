namespace Horizon.Flow.Models.Common;

/// <summary>Reads which layers see only the latest tokens.</summary>
internal static class WindowReader
{
    private const string Full = "full_attention";
    private const string Sliding = "sliding_attention";

    /// <summary>Mistral: one window for all layers; 4096 where the key is missing, none where it is null.</summary>
    public static IReadOnlyList<int?> ReadUniform(ConfigJson json, int layers)
    {
        var window = json.IsNull("sliding_window") ? (int?)null : Window(json);
        RequireType(json, window is null ? Full : Sliding);
        return window is null ? [] : [.. Enumerable.Repeat(window, layers)];
    }

    /// <summary>Families whose layers all see everything.</summary>
    public static void RefuseWindows(ConfigJson json) => RequireType(json, Full);

    /// <summary>
    /// Qwen2 and Qwen3: <c>use_sliding_window</c> turns it on, <c>layer_types</c> names the layers; where that is missing, they are
    /// those from <c>max_window_layers</c> on.
    /// </summary>
    public static IReadOnlyList<int?> ReadByLayer(ConfigJson json, int layers)
    {
        var (isOff, isUsed) = (json.IsNull("sliding_window"), json.Flag("use_sliding_window", false));
        var window = isUsed && !isOff ? Window(json) : (int?)null;
        var first = json.Integer("max_window_layers", 0, int.MaxValue, 28);
        if (Types(json, layers, Full, Sliding) is not { } types)
            return window is null ? [] : [.. Enumerable.Range(0, layers).Select(layer => layer >= first ? window : null)];

        if (window is null && types.Contains(Sliding))
            throw json.Refuse("layer_types", $"has {Sliding}, but sliding_window or use_sliding_window turns it off");
        return [.. types.Select(type => type == Sliding ? window : null)];
    }

    /// <summary>Gemma, OLMo 3, Cohere 2: <c>layer_types</c> names the layers; where that is missing, the family's pattern does.</summary>
    /// <param name="json">The file.</param>
    /// <param name="layers">Number of layers.</param>
    /// <param name="slides">Whether a layer has the window where the file does not say.</param>
    /// <param name="missing">The window where the file does not say.</param>
    public static IReadOnlyList<int?> ReadPattern(ConfigJson json, int layers, Func<int, bool> slides, int missing = 4096)
    {
        var types = Types(json, layers, Full, Sliding) ?? [.. Enumerable.Range(0, layers).Select(layer => slides(layer) ? Sliding : Full)];
        if (json.IsNull("sliding_window") && types.Contains(Sliding))
            throw json.Refuse("sliding_window", $"is null, but there are layers of type {Sliding}");
        var size = Window(json, missing);
        return types.Contains(Sliding) ? [.. types.Select(type => type == Sliding ? size : (int?)null)] : [];
    }

    /// <summary>The same where every so many layers one sees everything.</summary>
    /// <param name="json">The file.</param>
    /// <param name="layers">Number of layers.</param>
    /// <param name="fullEvery">The last of so many sees everything where the file does not say.</param>
    public static IReadOnlyList<int?> ReadPattern(ConfigJson json, int layers, int fullEvery) =>
        ReadPattern(json, layers, layer => (layer + 1) % fullEvery != 0);

    /// <summary>Phi-3, StarCoder 2, Ministral 3: one window for all layers; none where the key is missing or null.</summary>
    public static IReadOnlyList<int?> ReadOptional(ConfigJson json, int layers)
    {
        if (!json.Has("sliding_window")) return [];
        var window = Window(json);
        return [.. Enumerable.Repeat((int?)window, layers)];
    }

    /// <summary>The types of all layers; null where the file does not name them.</summary>
    public static IReadOnlyList<string>? Types(ConfigJson json, int layers, params string[] known)
    {
        if (json.Texts("layer_types") is not { } types) return null;
        if (types.Count != layers)
            throw json.Refuse("layer_types", $"names {types.Count} layers where num_hidden_layers is {layers}");
        if (types.FirstOrDefault(type => !known.Contains(type)) is { } unknown)
            throw json.Refuse("layer_types", $"has '{unknown}', which is not supported; supported are {string.Join(" and ", known)}");
        return types;
    }

    private static void RequireType(ConfigJson json, string type)
    {
        if (json.Texts("layer_types")?.FirstOrDefault(other => other != type) is { } unlike)
            throw json.Refuse("layer_types", $"has '{unlike}', where every layer of this architecture is of type {type}");
    }

    private static int Window(ConfigJson json, int missing = 4096) => json.Integer("sliding_window", 1, int.MaxValue, missing);
}
