using Horizon.Flow;
using Horizon.Flow.Devices;
using Horizon.Flow.Host.Store;

namespace Horizon.Examples;

/// <summary>What a host trains.</summary>
/// <param name="Store">The parameters, at whatever step they are: a job that was stopped goes on from there.</param>
/// <param name="Device">Where to compute.</param>
/// <param name="Phases">One plan after another, each up to a step. All of them train the same units with the same optimizer, whose state stays in the store.</param>
/// <param name="Data">The micro-batches of each step, from the one after the number given.</param>
public sealed record TrainingJob(
    ParameterStore Store, IComputeDevice Device, IReadOnlyList<(TrainingPlan Plan, long LastStep)> Phases, Func<long, IEnumerable<IReadOnlyList<MicroBatch>>> Data);
