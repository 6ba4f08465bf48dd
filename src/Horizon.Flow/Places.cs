using Horizon.Flow.Graph;

namespace Horizon.Flow;

/// <summary>Where a stage on some edge has to run: with tensors in its messages, on the compute lane.</summary>
internal static class Places
{
    public static StageTraits Traits<TMessage>(string elsewhere = "host threads") => new() { RunsOn = CarriesTensors(typeof(TMessage)) ? DefaultGraph.ComputeLane : elsewhere };

    private static bool CarriesTensors(Type message) =>
        message == typeof(Computed) || message == typeof(DeviceGradient) || message == typeof(DeviceUnit) || message.IsAssignableTo(typeof(UnitWork));
}
