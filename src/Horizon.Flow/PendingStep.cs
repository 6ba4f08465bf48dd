using Horizon.Flow.Accounting;

namespace Horizon.Flow;

/// <summary>A step that has entered the graph.</summary>
/// <param name="Number">The step, from 1.</param>
/// <param name="Report">Ends when every trained unit is at its new version; carries the run's first fault if it fails.</param>
public sealed record PendingStep(long Number, Task<StepReport> Report);
