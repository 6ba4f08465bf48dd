using System.Text.Json;
using Horizon.Flow.Testing;
using Horizon.Flow.Models.Tests.Reference;

namespace Horizon.Flow.Models.Tests;

/// <summary>Checkpoints and answers of PyTorch and transformers; see data/SOURCES.md.</summary>
public class ReferenceFolderTests
{
    private const int Sequence = 48;

    public static TheoryData<string> Folders => ["llama-gqa", "qwen2-tied", "qwen3"];

    [Theory]
    [MemberData(nameof(Folders))]
    public void Logits_EqualTransformers(string folder)
    {
        var (config, parameters, io, _) = Read(folder);
        using var walk = new UnitWalk(ModelFamilies.Define(config), parameters);
        using var batch = UnitWalk.Batch(Batch(io, 0, 6));
        var expected = io.Floats("logits");
        var actual = walk.Logits(batch);
        Assert.True(expected.Zip(actual).All(pair => Math.Abs(pair.First - pair.Second) <= 1e-4));
        Assert.True(Numbers.RelativeError(expected, actual) < 1e-5);
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void FirstStep_LossAndGradientNormEqualTransformers(string folder)
    {
        var (config, parameters, io, expected) = Read(folder);
        var rows = Batch(io, 0, 2);
        var labelled = rows.Targets.Count(target => target != -100);
        using var walk = new UnitWalk(ModelFamilies.Define(config), parameters);
        using var batch = UnitWalk.Batch(rows);
        var (lossSum, gradients) = walk.Differentiate(batch, 1.0 / labelled);
        var loss = expected.GetProperty("losses")[0].GetDouble();
        var norm = expected.GetProperty("grad_norms")[0].GetDouble();
        Assert.Equal(loss, lossSum / labelled, 1e-5 * loss);
        Assert.Equal(norm, Numbers.Norm(gradients.Values.SelectMany(values => values)), 1e-5 * norm);
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void DenseTrainer_ThreeSteps_EqualTransformers(string folder)
    {
        var (config, parameters, io, expected) = Read(folder);
        using var dense = new DenseTrainer(config, parameters);
        for (var step = 0; step < 3; step++)
        {
            var (loss, norm) = dense.Step([Batch(io, 2 * step, 2)]);
            Assert.Equal(expected.GetProperty("losses")[step].GetDouble(), loss, 1e-5 * loss);
            Assert.Equal(expected.GetProperty("grad_norms")[step].GetDouble(), norm, 1e-5 * norm);
        }

        var after = new SafetensorsReader(Path.Combine(Folder(folder), "after3.safetensors"));
        foreach (var (name, values) in dense.Parameters)
            Assert.True(Numbers.RelativeError(after.Floats(name), values) < 1e-4, $"{name}: {Numbers.RelativeError(after.Floats(name), values):G3}");
    }

    public static string Folder(string name) => Path.Combine(AppContext.BaseDirectory, "data", "reference", name);

    private static (ModelConfig Config, Dictionary<string, float[]> Parameters, SafetensorsReader Io, JsonElement Expected) Read(string folder)
    {
        var path = Folder(folder);
        using var expected = JsonDocument.Parse(File.ReadAllText(Path.Combine(path, "expected.json")));
        return (
            ModelFolder.ReadConfig(path),
            new SafetensorsReader(Path.Combine(path, "model.safetensors")).AllFloats(),
            new SafetensorsReader(Path.Combine(path, "io.safetensors")),
            expected.RootElement.Clone());
    }

    // The label of a token stands at its own place; the target of a place is the next token's label.
    private static MicroBatch Batch(SafetensorsReader io, int first, int rows)
    {
        var ids = io.Integers("input_ids").AsSpan(first * Sequence, rows * Sequence).ToArray();
        var labels = io.Integers("labels").AsSpan(first * Sequence, rows * Sequence).ToArray();
        var targets = labels.Select((_, place) => (place + 1) % Sequence == 0 ? -100 : labels[place + 1]).ToArray();
        return new MicroBatch(rows, Sequence, ids, targets, [.. ids.Select((_, place) => (long)(place % Sequence))]);
    }
}
