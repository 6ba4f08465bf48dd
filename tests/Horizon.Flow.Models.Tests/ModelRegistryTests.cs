using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Llama;
using Horizon.Flow.Testing;
using Horizon.Flow.Models.Tests.Reference;
using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Units;

namespace Horizon.Flow.Models.Tests;

public class ModelRegistryTests
{
    /// <summary>A family of a user's own: Llama under another name.</summary>
    private sealed class Alpaca : IModelFamily
    {
        public string Architecture => "AlpacaForCausalLM";

        public string ModelType => "alpaca";

        public ModelConfig Read(ConfigJson json) => new LlamaFamily().Read(json) with { Architecture = Architecture };

        public ModelDefinition Define(ModelConfig config) => CausalDecoder.Define(config);
    }

    [Fact]
    public void With_OwnFamily_KnowsItAndLeavesTheDefaultAlone()
    {
        var registry = ModelRegistry.Default.With(new Alpaca());
        var json = ConfigJson.Parse(
            """
            {"architectures": ["AlpacaForCausalLM"], "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1,
             "num_attention_heads": 2, "vocab_size": 16}
            """,
            "test.json");
        Assert.Equal("AlpacaForCausalLM", registry.Define(registry.Read(json)).Architecture);
        Assert.Throws<HorizonException>(() => ModelRegistry.Default.Read(json));
    }

    [Cases(50, Arbitrary = [typeof(ModelCases)])]
    public void Define_AnyShape_LaysUnitsOut(ModelCase model)
    {
        var definition = ModelFamilies.Define(model.Config);
        Assert.Equal(model.Layers + (model.Tied ? 1 : 2), definition.Units.Count);
        Assert.Equal(Enumerable.Range(0, model.Layers + 1), definition.Hidden.Select(binding => binding.Unit));
        Assert.Equal(model.Tied ? 0 : model.Layers + 1, definition.Head.Unit);
        Assert.True(definition.Hidden[0].Template.IsEmbedding);
        Assert.Single(definition.Units.Skip(1).Take(model.Layers).Select(unit => unit.Kind).Distinct());
        Assert.Equal(definition.ParameterCount, definition.Units.Sum(unit => unit.Parameters.Sum(slot => slot.Count)));
        var names = definition.Units.SelectMany(unit => unit.Parameters).Select(slot => slot.TensorName).ToList();
        Assert.Equal(names.Count, names.Distinct().Count());
        Assert.Equal(!model.Tied, names.Contains("lm_head.weight"));
    }

    [Theory]
    [InlineData("llama-gqa")]
    [InlineData("qwen2-tied")]
    [InlineData("qwen3")]
    public void Define_ReferenceFolder_HasTheCheckpointsTensors(string folder)
    {
        var definition = ModelFamilies.Define(ModelFolder.ReadConfig(ReferenceFolderTests.Folder(folder)));
        var checkpoint = new SafetensorsReader(Path.Combine(ReferenceFolderTests.Folder(folder), "model.safetensors"));
        var slots = definition.Units.SelectMany(unit => unit.Parameters).ToDictionary(slot => slot.TensorName);
        Assert.Equal(checkpoint.Names.Order(), slots.Keys.Order());
        Assert.All(slots.Values, slot => Assert.Equal(checkpoint.Shape(slot.TensorName), slot.Shape));
    }
}
