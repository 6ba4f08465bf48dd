using Horizon.Flow.Units;

namespace Horizon.Flow.Models;

/// <summary>
/// One architecture: how its config.json is read and which units and operators it is made of. Add your own with
/// <see cref="ModelRegistry.With"/>.
/// </summary>
public interface IModelFamily
{
    /// <summary>The name that stands in config.json under <c>architectures</c>, such as <c>LlamaForCausalLM</c>.</summary>
    string Architecture { get; }

    /// <summary>The name that stands under <c>model_type</c>, used where <c>architectures</c> is missing.</summary>
    string ModelType { get; }

    /// <summary>
    /// Keys of config.json that <see cref="Read"/> does not ask for because this architecture's maths does not depend on them, beside
    /// <see cref="Models.HarmlessKeys"/>. Any other key that it does not ask for is refused by the registry.
    /// </summary>
    /// <value>None.</value>
    IReadOnlyCollection<string> HarmlessKeys => [];

    /// <summary>Reads the settings of this architecture; asks for every key that changes its maths.</summary>
    /// <exception cref="HorizonException">A setting is missing, absurd or not supported.</exception>
    ModelConfig Read(ConfigJson json);

    /// <summary>The model as units and the templates that they are bound to.</summary>
    /// <exception cref="HorizonException">The numbers contradict each other.</exception>
    ModelDefinition Define(ModelConfig config);
}
