using System.IO.Pipelines;
using System.Text.Json;
using Horizon.Flow.Host.ModelFolders;
using Horizon.Flow.Host.Safetensors;
using Horizon.Flow.Host.Store;

namespace Horizon.Examples;

/// <summary>Writes adapters as a PEFT folder, or merged into the model's own weights.</summary>
public static class AdapterExport
{
    /// <summary>Writes <c>adapter_config.json</c> and <c>adapter_model.safetensors</c>.</summary>
    /// <param name="folder">Created where needed.</param>
    /// <param name="adapters">The adapters.</param>
    /// <param name="store">What holds them.</param>
    /// <param name="baseModel">Name or folder of the model that they belong to.</param>
    public static async Task WritePeftAsync(string folder, LowRankAdapters adapters, ParameterStore store, string baseModel)
    {
        ArgumentNullException.ThrowIfNull(adapters);
        Directory.CreateDirectory(folder);
        var config = new Dictionary<string, object>
        {
            ["peft_type"] = "LORA",
            ["task_type"] = "CAUSAL_LM",
            ["base_model_name_or_path"] = baseModel,
            ["r"] = adapters.Rank,
            ["lora_alpha"] = adapters.Alpha,
            ["lora_dropout"] = 0.0,
            ["target_modules"] = adapters.Roles.Select(role => role.Split('.')[^2]).ToArray(),
            ["bias"] = "none",
            ["fan_in_fan_out"] = false,
            ["inference_mode"] = true,
        };
        await File.WriteAllTextAsync(Path.Combine(folder, "adapter_config.json"), JsonSerializer.Serialize(config, new JsonSerializerOptions { WriteIndented = true })).ConfigureAwait(false);
        var parts = adapters.Of(store).SelectMany(pair => pair.Adapters.Layout.Parameters.Select(slot => TensorPart.FromSlot(pair.Adapters, slot)));
        var file = File.Create(Path.Combine(folder, "adapter_model.safetensors"));
        await using (file.ConfigureAwait(false))
            await SafetensorsWriter.WriteAsync(PipeWriter.Create(file), SafetensorsWriter.InStandardOrder(parts), new Dictionary<string, string> { ["format"] = "pt" }).ConfigureAwait(false);
    }

    /// <summary>Writes the model with the adapters merged in: any tool reads it without knowing of them. The store is not changed.</summary>
    /// <param name="folder">Created where needed.</param>
    /// <param name="adapters">The adapters.</param>
    /// <param name="store">The model.</param>
    public static async Task WriteMergedAsync(string folder, LowRankAdapters adapters, ParameterStore store)
    {
        ArgumentNullException.ThrowIfNull(adapters);
        ArgumentNullException.ThrowIfNull(store);
        var merged = adapters.Of(store).ToDictionary(pair => pair.Unit, pair => Merge(pair.Unit, pair.Adapters, adapters.Scale));
        try
        {
            await ModelExporter.ExportAsync(folder, [.. store.Units.Select(unit => merged.GetValueOrDefault(unit, unit))]).ConfigureAwait(false);
        }
        finally
        {
            foreach (var unit in merged.Values) unit.Dispose();
        }
    }

    private static UnitState Merge(UnitState unit, UnitState adapters, double scale)
    {
        var merged = new UnitState(unit.Layout, unit.Precision, []);
        foreach (var slot in unit.Layout.Parameters)
        {
            var weight = Read(unit, slot);
            if (adapters.Layout.Parameters.FirstOrDefault(part => part.Role == slot.Role + AdapterLayout.A) is { } slotA)
            {
                var (a, b) = (Read(adapters, slotA), Read(adapters, adapters.Layout.Parameters.First(part => part.Role == slot.Role + AdapterLayout.B)));
                var (rank, columns) = (slotA.Shape[0], slotA.Shape[1]);
                for (var i = 0; i < weight.Length; i++)
                {
                    var (row, column, sum) = (i / columns, i % columns, 0.0);
                    for (var k = 0; k < rank; k++) sum += (double)b[(row * rank) + k] * a[(k * columns) + column];
                    weight[i] += (float)(scale * sum);
                }
            }

            merged.WriteMasters(slot.Offset, weight);
        }

        return merged;
    }

    private static float[] Read(UnitState unit, ParameterSlot slot)
    {
        var values = new float[slot.Count];
        unit.ReadMasters(slot.Offset, values);
        return values;
    }
}
