using Horizon.Flow.Models.Common;
using Horizon.Flow.Units;

namespace Horizon.Flow.Models.Adapters;

/// <summary>New adapters as PEFT draws them: A uniform within ±1/√in, B zero, so that the first step starts from the base as it is.</summary>
internal static class AdapterInitializer
{
    /// <summary>What fills adapters so, and everything else as <paramref name="inner"/> does.</summary>
    public static ParameterInitializer Around(ParameterInitializer inner) => (parameter, seed, offset, values) =>
    {
        if (AdapterLayout.IsA(parameter)) DecoderInitializer.FillUniform(parameter.TensorName, seed, 1 / Math.Sqrt(parameter.Shape[1]), offset, values);
        else if (AdapterLayout.IsB(parameter)) values.Clear();
        else inner(parameter, seed, offset, values);
    };
}
