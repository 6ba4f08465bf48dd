using System.Text.Json;
using System.Text.Json.Serialization;
using Horizon.Flow.Host.Files;
using Horizon.Flow.Runs.Data;

namespace Horizon.Flow.Runs.Planning;

/// <summary>The measured rates of this machine's devices, kept in the user's cache folder: <c>horizon-flow/machine/rates.json</c>.</summary>
public static class MachineRatesFile
{
    private const string FileName = "rates.json";
    private const int LongestBytes = 1 << 16;

    /// <summary>The file; null where the user has no cache folder.</summary>
    public static string? Path => UserCache.Folder("machine") is { } folder ? System.IO.Path.Combine(folder, FileName) : null;

    /// <summary>What was measured of a device; null for nothing. A file that cannot be read holds nothing: it is made again by another measurement.</summary>
    public static MachineRates? Find(string device) => Read().FirstOrDefault(rates => rates.Device == device);

    /// <summary>The rates of a device: measured, or else assumed.</summary>
    /// <param name="device">Its name.</param>
    /// <param name="gpu">Whether it is a GPU.</param>
    public static MachineRates Of(string device, bool gpu) => Find(device) ?? MachineRates.Assumed(device, gpu);

    /// <summary>Keeps what was measured of a device, in the place of what was measured before.</summary>
    /// <exception cref="HorizonException">The file cannot be written.</exception>
    public static void Keep(MachineRates rates)
    {
        ArgumentNullException.ThrowIfNull(rates);
        if (Path is not { } path) throw new HorizonException("the rates cannot be kept: there is no cache folder; set XDG_CACHE_HOME to one");
        try
        {
            Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
            OutputFile.Claim(path);
            MachineRates[] all = [rates, .. Read().Where(other => other.Device != rates.Device)];
            File.WriteAllText(path, JsonSerializer.Serialize(all, RatesJson.Default.MachineRatesArray));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new HorizonException($"{path} cannot be written: {error.Message.TrimEnd('.')}; set XDG_CACHE_HOME to a folder that can", error);
        }
    }

    private static MachineRates[] Read()
    {
        if (Path is not { } path || !UntrustedFile.IsThere(path)) return [];
        try
        {
            var all = JsonSerializer.Deserialize(UntrustedFile.ReadText(path, LongestBytes, "the rates of this machine"), RatesJson.Default.MachineRatesArray) ?? [];
            return [.. all.Where(rates => rates is { Device: not null, Source: not null, MatrixOperations: > 0, Up: > 0, Down: > 0, HostMemory: > 0, DeviceMemory: > 0, Disk: > 0 })];
        }
        catch (Exception error) when (error is JsonException or HorizonException)
        {
            return [];
        }
    }
}

/// <summary>Source-generated JSON of the rates, keys in snake_case.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(MachineRates[]))]
internal sealed partial class RatesJson : JsonSerializerContext;
