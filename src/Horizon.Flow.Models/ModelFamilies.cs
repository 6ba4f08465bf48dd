using Horizon.Flow.Units;

namespace Horizon.Flow.Models;

/// <summary>The families that come with Horizon.Flow. For families of your own see <see cref="ModelRegistry"/>.</summary>
public static class ModelFamilies
{
    /// <summary>The model as units and templates, by <see cref="ModelRegistry.Default"/>.</summary>
    /// <exception cref="HorizonException">Unknown architecture, or numbers that contradict each other.</exception>
    public static ModelDefinition Define(ModelConfig config) => ModelRegistry.Default.Define(config);
}
