using Horizon.Flow.Models.Common;
using Horizon.Flow.Units;

namespace Horizon.Flow.Models.Dense;

/// <summary>Families whose layer is written out (<see cref="DecoderLayerTemplate"/>): SiLU stands in it, and with another curve the same model is put together from parts.</summary>
internal static class WrittenDecoder
{
    /// <param name="json">The file.</param>
    /// <param name="config">All else that it says.</param>
    public static ModelConfig Read(ConfigJson json, ModelConfig config) => ActivationReader.Read(json) is var activation && activation == Activation.Silu
        ? config
        : new DenseConfig(config) { Activation = activation, QueryKeyNorms = config.QueryKeyNorm ? QueryKeyNormKind.Heads : QueryKeyNormKind.None };

    /// <inheritdoc cref="CausalDecoder.Define"/>
    public static ModelDefinition Define(ModelConfig config) => config is DenseConfig ? DenseDecoder.Define(config) : CausalDecoder.Define(config);
}
