using System.Text;
using System.Text.Json;
using Horizon.Flow.Host.Files;

namespace Horizon.Flow.Host.Checkpoints;

/// <summary>
/// The file <c>manifest.json</c>: <c>{"xxh128": CHECKSUM, "manifest": BODY}</c> with fixed text around the body, so that the checksum is of the
/// body's very bytes. It is written last: a folder without a whole one is no checkpoint.
/// </summary>
internal static class ManifestFile
{
    public const string Name = "manifest.json";

    private const string UnitPrefix = "unit-";
    private const string UnitSuffix = ".safetensors";
    private const int ChecksumLength = 32;
    private const string Before = "{\"xxh128\": \"";
    private const string Between = "\", \"manifest\": ";
    private const string After = "}\n";

    // More than any run has ranks.
    private const int MostSlices = 99_999;

    // A manifest has some hundred bytes for each parameter tensor.
    private const int LongestBytes = 64 << 20;

    public static byte[] Write(CheckpointManifest manifest)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(manifest, ManifestJson.Default.CheckpointManifest);
        return [.. Encoding.ASCII.GetBytes(Before + Checksums.Of(body) + Between), .. body, .. Encoding.ASCII.GetBytes(After)];
    }

    /// <exception cref="HorizonException">The file is missing or damaged; with a <see cref="NewerFormatException"/> inside: of a newer format.</exception>
    public static CheckpointManifest Read(string folder)
    {
        var path = Path.Combine(folder, Name);
        try
        {
            var manifest = Parse(path, UntrustedFile.ReadBytes(path, LongestBytes, "a checkpoint's manifest"));
            return IsSound(manifest) ? manifest : throw Damaged(path, "it contradicts itself");
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException or NotSupportedException or FormatException)
        {
            throw Damaged(path, "it is not the JSON that it should be");
        }
    }

    private static CheckpointManifest Parse(string path, byte[] bytes)
    {
        var head = Before.Length + ChecksumLength + Between.Length;
        if (bytes.Length < head + After.Length) throw Damaged(path, $"it has {bytes.Length} bytes");
        var body = bytes.AsSpan(head..^After.Length);
        var expected = Encoding.ASCII.GetBytes(Before + Checksums.Of(body) + Between);
        if (!bytes.AsSpan(0, head).SequenceEqual(expected) || !bytes.AsSpan(^After.Length..).SequenceEqual(Encoding.ASCII.GetBytes(After)))
            throw Damaged(path, "its checksum does not hold");
        using var json = JsonDocument.Parse(body.ToArray());
        var format = json.RootElement.GetProperty("format"u8).GetInt32();
        if (format > CheckpointManifest.CurrentFormat)
            throw new HorizonException($"{path} is of format {format}, this version reads up to {CheckpointManifest.CurrentFormat}; resume with the version that wrote it", new NewerFormatException());
        return json.Deserialize(ManifestJson.Default.CheckpointManifest)!;
    }

    private static bool IsSound(CheckpointManifest manifest) =>
        manifest is { Format: 1, AppliedSteps: >= 0, Counts: null } or { Format: CheckpointManifest.WholeFormat or CheckpointManifest.CurrentFormat, AppliedSteps: null, Counts: not null, Contents.OptimizerSettings: not null }
        && (manifest.Format == CheckpointManifest.CurrentFormat ? manifest.Slices is >= 1 and <= MostSlices : manifest.Slices is null)
        && manifest.Step >= 0
        && (manifest.Counts is null || (manifest.Counts.Count == manifest.Contents.Units.Count && manifest.Counts.All(counts => counts is { Version: >= 0, Updates: >= 0 })))
        && manifest.Contents.Units.All(unit => unit is not null && unit.Buffers.All(buffer => buffer is { Elements: >= 0 }) && unit.Parameters.All(parameter => parameter is not null))
        && manifest.Files.Select(file => file?.Name).SequenceEqual(manifest.Contents.Units.SelectMany((_, i) => Enumerable.Range(0, manifest.Slices ?? 1).Select(slice => UnitFileName(i, slice, manifest.Slices))))
        && manifest.ConfigurationChecksum == Checksums.Of(manifest.Configuration);

    /// <summary>The name of a unit's file, or of that of one of its slices.</summary>
    public static string UnitFileName(int unit, int slice = 0, int? slices = null) =>
        slices is null ? $"{UnitPrefix}{unit:D5}{UnitSuffix}" : $"{UnitPrefix}{unit:D5}-slice-{slice:D5}-of-{slices:D5}{UnitSuffix}";

    /// <summary>Whether a file is a unit's by its name.</summary>
    public static bool IsUnitFileName(string name) => name.StartsWith(UnitPrefix, StringComparison.Ordinal) && name.EndsWith(UnitSuffix, StringComparison.Ordinal);

    private static HorizonException Damaged(string path, string why) => new($"{path} is damaged: {why}");
}
