using System.Text;

namespace Horizon.Flow.Text.Templates;

/// <summary>Chat templates by name, for models that come without one.</summary>
public static class KnownTemplates
{
    /// <summary>The names.</summary>
    public static IReadOnlyList<string> Names { get; } = ["alpaca", "chatml", "gemma", "llama3", "phi3"];

    /// <summary>The text of a template.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <exception cref="HorizonException">There is none of that name.</exception>
    public static string Read(string name)
    {
        if (!Names.Contains(name)) throw new HorizonException($"there is no chat template '{name}'; known are {string.Join(", ", Names)}; or give a file, such as ./chat_template.jinja.");
        using var stream = typeof(KnownTemplates).Assembly.GetManifestResourceStream($"{name}.jinja")!;
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }
}
