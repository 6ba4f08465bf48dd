using Horizon.Flow.Checks;
using Horizon.Flow.Devices;
using Horizon.Flow.Graph;
using Horizon.Flow.Resources;
using Horizon.Flow.Units;

namespace Horizon.Flow.Messages;

/// <summary>What join lends for one visit.</summary>
/// <param name="Run">The step that it belongs to.</param>
/// <param name="Visit">The visit.</param>
/// <param name="Device">Where to compute.</param>
/// <param name="Model">Of the visit's store.</param>
/// <param name="Batch">The micro-batch on the device.</param>
/// <param name="Weights">The unit's weights, if it needs them.</param>
/// <param name="Reads">The values read.</param>
/// <param name="Rented">The rented values among those written, by their places; null for the others.</param>
/// <param name="Gradient">Where its gradient goes, if it gives one.</param>
/// <param name="Loss">Where its loss goes, if it gives one.</param>
/// <param name="Written">Holds the body to writing every gradient.</param>
internal sealed record WorkOrder(
    ProgramRun Run, UnitVisit Visit, IComputeDevice Device, ModelDefinition Model, DeviceBatch Batch, Lease<DeviceSlot>? Weights,
    IReadOnlyList<object> Reads, IReadOnlyList<IDisposable?> Rented, Lease<DeviceSlot>? Gradient, Lease<LossCell>? Loss, WrittenGradients Written);
