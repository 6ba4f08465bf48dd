using System.Text;

namespace Horizon.Flow.Tests.Hostile;

/// <summary>
/// A folder of a stranger: each of its files may be a pipe, a device, a folder, or a link that leads to a secret, to itself, nowhere, or to another
/// file. A byte says what stands in each place.
/// </summary>
internal sealed class HostileFolder
{
    /// <summary>What lies outside and must not be read or changed.</summary>
    public static readonly byte[] Secret = Encoding.UTF8.GetBytes("{\"secret\": \"7c1f\"}");

    private readonly string _outside;

    /// <summary>Makes an empty folder, over what an earlier case left.</summary>
    public HostileFolder(string root, string name)
    {
        Path = System.IO.Path.Combine(root, name);
        _outside = System.IO.Path.Combine(root, name + " outside");
        foreach (var folder in new[] { Path, _outside })
        {
            if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
            Directory.CreateDirectory(folder);
        }

        File.WriteAllBytes(SecretFile, Secret);
    }

    public string Path { get; }

    private string SecretFile => System.IO.Path.Combine(_outside, "secret");

    /// <summary>Puts a file, or what the byte says, into a place; one in eight is hostile.</summary>
    public void Put(string name, byte[] file, byte what)
    {
        var path = System.IO.Path.Combine(Path, name);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        switch (what % 64)
        {
            case 0:
                SpecialFile.Pipe(path);
                break;
            case 1:
                Link(path, "/dev/zero");
                break;
            case 2:
                Link(path, SecretFile);
                break;
            case 3:
                Link(path, "gone");
                break;
            case 4:
                Link(path, path);
                break;
            case 5:
                Directory.CreateDirectory(path);
                break;
            case 6:
                Directory.CreateSymbolicLink(path, _outside);
                break;
            case 7:
                File.WriteAllBytes(path + ".real", file);
                Link(path, path + ".real");
                break;
            default:
                File.WriteAllBytes(path, file);
                break;
        }
    }

    /// <summary>Fails where the secret has changed, or where a folder made from this one tells it.</summary>
    public void CheckSecret(string made)
    {
        if (!File.ReadAllBytes(SecretFile).AsSpan().SequenceEqual(Secret) || Directory.GetFileSystemEntries(_outside).Length != 1)
            throw new InvalidOperationException("something outside the folder was changed");
        if (!Directory.Exists(made)) return;
        foreach (var file in Directory.EnumerateFiles(made, "*", SearchOption.AllDirectories).Where(file => new FileInfo(file) is { LinkTarget: null, Length: > 0 }))
            if (File.ReadAllBytes(file).AsSpan().IndexOf(Secret) >= 0) throw new InvalidOperationException($"{file} tells a secret from outside the folder");
    }

    private static void Link(string path, string target) => File.CreateSymbolicLink(path, target);
}
