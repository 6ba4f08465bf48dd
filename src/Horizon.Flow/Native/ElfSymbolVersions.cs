using System.Buffers.Binary;
using System.Text;

namespace Horizon.Flow.Native;

/// <summary>
/// The symbol versions that an ELF library needs of others (<c>.gnu.version_r</c>). Layout: System V gABI "Section Header" and "Relocation",
/// LSB Core "Symbol Versioning" (Elf64_Verneed, Elf64_Vernaux).
/// </summary>
internal sealed class ElfSymbolVersions
{
    private const int Relocations = 4;               // SHT_RELA
    private const int DynamicSymbols = 11;           // SHT_DYNSYM
    private const int VersionNeeds = 0x6ffffffe;     // SHT_GNU_verneed
    private const int VersionOfSymbols = 0x6fffffff; // SHT_GNU_versym
    private const ushort Weak = 0x2;                 // VER_FLG_WEAK
    private readonly byte[] _image;
    private readonly List<Section> _sections = [];

    /// <summary>Reads the sections of a 64-bit little-endian library; the image is kept, and changed by <see cref="Weaken"/>.</summary>
    /// <exception cref="InvalidDataException">Not such a file, or a damaged one.</exception>
    public ElfSymbolVersions(byte[] image)
    {
        _image = image;
        if (image.Length < 64 || Int(0) != 0x464c457f || image[4] != 2 || image[5] != 1)
            throw new InvalidDataException("not a 64-bit little-endian ELF file");
        var at = Offset(0x28);
        for (var i = 0; i < Short(0x3c); i++, at += Short(0x3a))
            _sections.Add(new Section(Int(at + 4), Offset(at + 0x18), Offset(at + 0x20), Int(at + 0x28)));
    }

    /// <summary>Every version needed: of which library, its name, the index that symbols name it by, and where its flags (<c>vna_flags</c>) lie.</summary>
    public IEnumerable<(string Library, string Version, int Index, int FlagsOffset)> Needs()
    {
        foreach (var section in _sections.Where(section => section.Type == VersionNeeds))
        {
            var strings = Linked(section).Offset;
            for (int need = section.Offset, next = -1; next != 0; need += next)
            {
                for (int entry = need + Int(need + 8), nextEntry = -1; nextEntry != 0; entry += nextEntry)
                {
                    yield return (Text(strings + Int(need + 4)), Text(strings + Int(entry + 8)), Short(entry + 6), entry + 4);
                    nextEntry = Distance(entry + 12);
                }

                next = Distance(need + 12);
            }
        }
    }

    /// <summary>
    /// Marks a needed version as optional, so that the dynamic loader accepts a library that lacks it. Only where no relocation takes a
    /// symbol of that version: such a symbol would be missing when it is first called.
    /// </summary>
    /// <returns>Whether it was needed, unused, and is optional now.</returns>
    public bool Weaken(string library, string version)
    {
        foreach (var need in Needs())
        {
            if (need.Library != library || need.Version != version) continue;
            if (IsUsed(need.Index)) return false;
            _image[need.FlagsOffset] |= (byte)Weak;
            return true;
        }

        return false;
    }

    /// <summary>Whether a relocation takes a symbol of the version with this index.</summary>
    public bool IsUsed(int version)
    {
        if (_sections.Find(section => section.Type == VersionOfSymbols) is not { Offset: > 0 and var versions }) return false;
        foreach (var section in _sections.Where(section => section.Type == Relocations && Linked(section).Type == DynamicSymbols))
        {
            for (var at = section.Offset; at < section.Offset + section.Length; at += 24) // Elf64_Rela; the symbol is the upper half of r_info
                if ((Short(versions + (2 * Int(at + 12))) & 0x7fff) == version) return true;
        }

        return false;
    }

    private Section Linked(Section section) => section.Link >= 0 && section.Link < _sections.Count
        ? _sections[section.Link]
        : throw new InvalidDataException($"section {section.Link} lies outside the ELF file's {_sections.Count}");

    private ushort Short(int at) => BinaryPrimitives.ReadUInt16LittleEndian(Bytes(at, 2));

    private int Int(int at) => BinaryPrimitives.ReadInt32LittleEndian(Bytes(at, 4));

    /// <summary>How far the next entry lies ahead, 0 at the last one.</summary>
    private int Distance(int at) => Int(at) is >= 0 and var distance ? distance : throw new InvalidDataException($"entry {at} of the ELF file points backwards");

    private int Offset(int at) => BinaryPrimitives.ReadInt64LittleEndian(Bytes(at, 8)) is >= 0 and <= int.MaxValue and var offset
        ? (int)offset
        : throw new InvalidDataException($"an offset at {at} lies outside the ELF file");

    private string Text(int at)
    {
        var rest = Bytes(at, 0);
        return rest.IndexOf((byte)0) is >= 0 and var length
            ? Encoding.ASCII.GetString(rest[..length])
            : throw new InvalidDataException($"the text at {at} of the ELF file has no end");
    }

    /// <summary>What lies at an offset, at least that many bytes of it.</summary>
    private ReadOnlySpan<byte> Bytes(int at, int count) => at >= 0 && at <= _image.Length - count
        ? _image.AsSpan(at)
        : throw new InvalidDataException($"offset {at} lies outside the ELF file of {_image.Length} bytes");

    private readonly record struct Section(int Type, int Offset, int Length, int Link);
}
