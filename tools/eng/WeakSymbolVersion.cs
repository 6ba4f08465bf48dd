using System.Text;
#if !NET // the inline task has no implicit usings
using System;
using System.Collections.Generic;
using System.IO;
#endif

/// <summary>
/// Marks one needed symbol version of an ELF library as weak, so that the dynamic loader accepts a system library that lacks it.
/// libLibTorchSharp.so 0.107.0 names GLIBCXX_3.4.32 for one symbol, std::ios_base_library_init, that no relocation uses:
/// with the flag VER_FLG_WEAK on that entry of .gnu.version_r it loads on Debian 12, whose libstdc++ ends at GLIBCXX_3.4.30.
/// Layout: System V gABI "Section Header", LSB Core "Symbol Versioning" (Elf64_Verneed, Elf64_Vernaux).
/// The build compiles this file as an inline task, and the tests compile it as it is.
/// </summary>
internal static class ElfSymbolVersions
{
    private const int VersionNeeds = 0x6ffffffe; // SHT_GNU_verneed
    private const ushort Weak = 0x2;             // VER_FLG_WEAK

    /// <summary>Sets the weak flag in <paramref name="image"/>; false where the library does not need that version.</summary>
    /// <exception cref="InvalidDataException">Not a 64-bit little-endian ELF file.</exception>
    public static bool Weaken(byte[] image, string library, string version)
    {
        var flags = FindFlags(image, library, version);
        if (flags < 0) return false;
        image[flags] |= (byte)Weak;
        return true;
    }

    /// <summary>The offset of the version's vna_flags, or -1.</summary>
    public static int FindFlags(byte[] image, string library, string version)
    {
        foreach (var need in Needs(image))
            if (need.Library == library && need.Version == version) return need.FlagsOffset;
        return -1;
    }

    /// <summary>Every version that the library needs: of which library, its name, and where its flags lie.</summary>
    public static IEnumerable<(string Library, string Version, int FlagsOffset)> Needs(byte[] image)
    {
        if (image.Length < 64 || BitConverter.ToUInt32(image, 0) != 0x464c457f || image[4] != 2 || image[5] != 1)
            throw new InvalidDataException("not a 64-bit little-endian ELF file");
        var sections = (int)BitConverter.ToInt64(image, 0x28);
        var sectionSize = BitConverter.ToUInt16(image, 0x3a);
        var sectionCount = BitConverter.ToUInt16(image, 0x3c);
        for (var i = 0; i < sectionCount; i++)
        {
            var section = sections + (i * sectionSize);
            if (BitConverter.ToInt32(image, section + 4) != VersionNeeds) continue;
            var need = (int)BitConverter.ToInt64(image, section + 0x18);
            var strings = (int)BitConverter.ToInt64(image, sections + (BitConverter.ToInt32(image, section + 0x28) * sectionSize) + 0x18);
            for (var next = -1; next != 0; need += next)
            {
                var library = Text(image, strings + BitConverter.ToInt32(image, need + 4));
                var entry = need + BitConverter.ToInt32(image, need + 8);
                for (var nextEntry = -1; nextEntry != 0; entry += nextEntry)
                {
                    yield return (library, Text(image, strings + BitConverter.ToInt32(image, entry + 8)), entry + 4);
                    nextEntry = BitConverter.ToInt32(image, entry + 12);
                }

                next = BitConverter.ToInt32(image, need + 12);
            }
        }
    }

    private static string Text(byte[] image, int offset) =>
        Encoding.ASCII.GetString(image, offset, Array.IndexOf(image, (byte)0, offset) - offset);
}

#if !NET
/// <summary>Writes a copy of a library in which one needed symbol version is weak. The source is only read.</summary>
public sealed class WeakSymbolVersion : Microsoft.Build.Utilities.Task
{
    /// <summary>The library to copy.</summary>
    [Microsoft.Build.Framework.Required]
    public string Source { get; set; }

    /// <summary>The system library that has, or lacks, the version.</summary>
    [Microsoft.Build.Framework.Required]
    public string Library { get; set; }

    /// <summary>The version's name.</summary>
    [Microsoft.Build.Framework.Required]
    public string Version { get; set; }

    /// <summary>Where the copy goes.</summary>
    [Microsoft.Build.Framework.Required]
    public string Destination { get; set; }

    /// <inheritdoc/>
    public override bool Execute()
    {
        var image = File.ReadAllBytes(Source);
        var found = ElfSymbolVersions.Weaken(image, Library, Version);
        Directory.CreateDirectory(Path.GetDirectoryName(Destination));
        File.WriteAllBytes(Destination, image);
        Log.LogMessage("{0}: {1} {2}", Destination, Version, found ? "is optional now" : "is not needed");
        return true;
    }
}
#endif
