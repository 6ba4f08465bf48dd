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
        if (json.Texts("layer_types") is not { } types)
            return window is null ? [] : [.. Enumerable.Range(0, layers).Select(layer => layer >= first ? window : null)];

        if (types.Count != layers)
            throw json.Refuse("layer_types", $"names {types.Count} layers where num_hidden_layers is {layers}");
        if (types.FirstOrDefault(type => type is not (Full or Sliding)) is { } unknown)
            throw json.Refuse("layer_types", $"has '{unknown}', which is not supported; supported are {Full} and {Sliding}");
        if (window is null && types.Contains(Sliding))
            throw json.Refuse("layer_types", $"has {Sliding}, but sliding_window or use_sliding_window turns it off");
        return [.. types.Select(type => type == Sliding ? window : null)];
    }

    private static void RequireType(ConfigJson json, string type)
    {
        if (json.Texts("layer_types")?.FirstOrDefault(other => other != type) is { } unlike)
            throw json.Refuse("layer_types", $"has '{unlike}', where every layer of this architecture is of type {type}");
    }

    private static int Window(ConfigJson json) => json.Integer("sliding_window", 1, int.MaxValue, 4096);
}
