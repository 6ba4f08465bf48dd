using System.Text.RegularExpressions;

namespace Horizon.Flow.Text.Data;

/// <summary>A pattern of paths: * is any part of a name, ** any folders, ? a character.</summary>
internal sealed class FilePattern
{
    private const string AnyFolders = "**";

    private readonly string[] _parts;
    private readonly Regex _files;

    public FilePattern(string pattern)
    {
        var parts = pattern.Replace('\\', '/').Split('/');
        var first = Array.FindIndex(parts, Is);
        Root = first == 0 ? "." : string.Join('/', parts[..first]) is { Length: > 0 } above ? above : "/";
        _parts = parts[first..];
        _files = Whole(string.Concat(_parts[..^1].Select(part => part == AnyFolders ? "(.*/)?" : $"{Name(part)}/")) + Name(_parts[^1]));
    }

    /// <summary>Whether a path is a pattern.</summary>
    public static bool Is(string path) => path.AsSpan().IndexOfAny('*', '?') >= 0;

    /// <summary>The folder that all that it names lies below.</summary>
    public string Root { get; }

    /// <summary>Whether it names a file.</summary>
    /// <param name="file">Its path below the root.</param>
    public bool Names(string file) => _files.IsMatch(file);

    /// <summary>Whether a file that it names may lie below a folder.</summary>
    /// <param name="folder">Its path below the root.</param>
    public bool Enters(string folder)
    {
        var names = folder.Split('/');
        for (var i = 0; i < names.Length; i++)
        {
            if (i == _parts.Length - 1) return false;
            if (_parts[i] == AnyFolders) return true;
            if (!Whole(Name(_parts[i])).IsMatch(names[i])) return false;
        }

        return true;
    }

    private static Regex Whole(string expression) => new($"^{expression}$", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking);

    private static string Name(string part) =>
        Regex.Escape(part).Replace(@"\*", "[^/]*", StringComparison.Ordinal).Replace(@"\?", "[^/]", StringComparison.Ordinal);
}
