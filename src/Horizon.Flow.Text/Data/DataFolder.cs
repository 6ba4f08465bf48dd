using System.IO.Enumeration;
using System.Text.RegularExpressions;
using Horizon.Flow.Host.Files;

namespace Horizon.Flow.Text.Data;

/// <summary>Finds a folder's data files: all below it but what only looks like data, and of those the wanted split.</summary>
internal sealed class DataFolder
{
    private const int MostEntries = 1_000_000;

    // What stands beside data: texts about them, and the metadata files of Hugging Face's datasets.
    private static readonly HashSet<string> Companions = new(StringComparer.OrdinalIgnoreCase)
    {
        "README", "LICENSE", "LICENCE", "COPYING", "NOTICE", "CITATION", "CONTRIBUTING", "CODE_OF_CONDUCT", "CHANGELOG", "SECURITY",
        "dataset_info", "dataset_infos", "dataset_dict", "state",
    };

    private readonly string _path;
    private readonly List<string> _files = [];
    private readonly List<(string Reason, string File)> _passed = [];
    private int _entries;

    private readonly FilePattern? _pattern;

    private DataFolder(string path, FilePattern? pattern = null) => (_path, _pattern) = (path, pattern);

    /// <summary>The files that a pattern names, or those of them that are of a split.</summary>
    /// <exception cref="HorizonException">There are none, or their folder cannot be read.</exception>
    public static (IReadOnlyList<string> Files, string Notice) FindMatching(string path, DataFormat format, string? splitName)
    {
        var pattern = new FilePattern(path);
        if (!Directory.Exists(pattern.Root)) throw new HorizonException($"{path}: the folder {pattern.Root} does not exist.");
        return Find(new DataFolder(pattern.Root, pattern), format, folder => splitName is null ? folder._files : folder.Choose(splitName));
    }

    /// <summary>The files, in ordinal order of their paths, and a sentence on what was taken and what was not.</summary>
    /// <exception cref="HorizonException">There is nothing to take, or the folder cannot be read.</exception>
    public static (IReadOnlyList<string> Files, string Notice) Find(string path, DataFormat format, DataSplit split, string? splitName) =>
        Find(new DataFolder(path), format, folder => splitName is null ? folder.Choose(split) : folder.Choose(splitName));

    private static (IReadOnlyList<string> Files, string Notice) Find(DataFolder folder, DataFormat format, Func<DataFolder, List<string>> choose)
    {
        var path = folder._path;
        try
        {
            folder.Walk("");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new HorizonException($"{path} cannot be searched for data files: {e.Message}", e);
        }

        var taken = choose(folder).Where(file => folder.IsRead(file, format)).Order(StringComparer.Ordinal).ToList();
        if (taken.Count == 0)
        {
            throw new HorizonException(
                $"{path} holds no data files that are read here ({FileKind.Known}){(folder._passed.Count > 0 ? $"; {folder.Passed}" : "")}.");
        }

        var notice = $"of {path}, {ShownNames.Show(taken)} {(taken.Count == 1 ? "is" : "are")} taken{(folder._passed.Count > 0 ? $"; {folder.Passed}" : "")}.";
        List<string> files = [.. taken.Select(file => Path.Combine(path, file))];
        foreach (var file in files) UntrustedFile.RefuseLinkOutside(file, path);
        return (files, notice);
    }

    /// <summary>Collects what the names say is data. Links to folders are not followed: they may lead anywhere, and in circles.</summary>
    private void Walk(string below)
    {
        var entries = new FileSystemEnumerable<(string Name, bool IsFolder, bool IsLink)>(
            Path.Combine(_path, below),
            (ref FileSystemEntry entry) => (entry.FileName.ToString(), entry.IsDirectory, (entry.Attributes & FileAttributes.ReparsePoint) != 0),
            new EnumerationOptions { AttributesToSkip = 0, IgnoreInaccessible = false });
        foreach (var (name, isFolder, isLink) in entries.OrderBy(entry => entry.Name, StringComparer.Ordinal))
        {
            if (++_entries > MostEntries) throw new HorizonException($"{_path} holds more than {MostEntries:N0} files: set data.path to the folder that holds the data.");
            var file = below.Length == 0 ? name : $"{below}/{name}";
            if (name.StartsWith('.'))
            {
                if (!isFolder && FileKind.Of(name) is not null) Pass("hidden", file);
            }
            else if (isFolder && isLink) Pass("links to other folders", file);
            else if (isFolder)
            {
                if (_pattern?.Enters(file) != false) Walk(file);
            }
            else if (_pattern?.Names(file) == false) continue;
            else if (FileKind.Of(name) is null) Pass("other files", file);
            else if (Companions.Contains(Path.GetFileNameWithoutExtension(DataStream.WithoutCompression(name)))) Pass("about the data", file);
            else _files.Add(file);
        }
    }

    private List<string> Choose(DataSplit split)
    {
        string?[] wanted = split == DataSplit.Train ? [FileSplit.Train, null] : [FileSplit.Validation, FileSplit.Test, null];
        var groups = _files.ToLookup(FileSplit.Of);
        foreach (var choice in wanted)
        {
            if (!groups.Contains(choice)) continue;
            foreach (var other in groups.Where(group => group.Key != choice).SelectMany(group => group)) Pass("of other splits", other);
            return [.. groups[choice]];
        }

        if (_files.Count == 0) return [];
        throw new HorizonException(
            $"{_path} holds no files to {(split == DataSplit.Train ? "train" : "evaluate")} on: {ShownNames.Show(_files)} "
            + $"{(_files.Count == 1 ? "is" : "are")} of other splits by name; to use one all the same, set the path to the file itself.");
    }

    /// <summary>The files of a split by its own name, which a part of their paths is or begins with.</summary>
    private List<string> Choose(string splitName)
    {
        var word = new Regex($@"(?<![\p{{L}}\p{{N}}_]){Regex.Escape(splitName)}(?![\p{{L}}\p{{N}}_])", RegexOptions.CultureInvariant);
        var chosen = _files.Where(file => word.IsMatch(file)).ToList();
        foreach (var other in _files.Except(chosen)) Pass("of other splits", other);
        return chosen.Count > 0 || _files.Count == 0 ? chosen
            : throw new HorizonException($"{_path} has no split '{splitName}' by the names of its files: {ShownNames.Show(_files)}.");
    }

    private bool IsRead(string file, DataFormat format)
    {
        var kind = FileKind.Of(file)!;
        if (!kind.IsRead) Pass($"not read here: {kind.Name}", file);
        else if (kind == FileKind.Text && format is not (DataFormat.Auto or DataFormat.Text)) Pass("plain text", file);
        else return true;
        return false;
    }

    private void Pass(string reason, string file) => _passed.Add((reason, file));

    private string Passed =>
        $"passed over: {string.Join("; ", _passed.GroupBy(passed => passed.Reason).Select(group => $"{ShownNames.Show([.. group.Select(passed => passed.File)])} ({group.Key})"))}";
}
