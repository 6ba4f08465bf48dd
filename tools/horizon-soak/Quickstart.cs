namespace Horizon.Flow.Soak;

/// <summary>The quickstart's files, which lie beside the program.</summary>
internal static class Quickstart
{
    private static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "quickstart");

    public static string Model { get; } = Path.Combine(Folder, "stories260K-hf");

    public static string Text(string name) => Path.Combine(Folder, "text", name);
}
