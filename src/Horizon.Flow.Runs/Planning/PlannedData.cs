using Horizon.Flow.Resources;
using Horizon.Flow.Runs.Blueprint;
using Horizon.Flow.Runs.Data;
using Horizon.Flow.Text.Tokens;

namespace Horizon.Flow.Runs.Planning;

/// <summary>What a run's data mean for its plan: how long it is, and the memory that they take.</summary>
/// <param name="Length">Steps, epochs and tokens; null where <paramref name="Unknown"/> says why they are not known.</param>
/// <param name="Unknown">Why the length is not known; empty where it is.</param>
/// <param name="Memory">The data in host memory; null where there are none.</param>
/// <param name="MostTokens">Tokens of the largest micro-batch of so many rows; null where the data were not read.</param>
/// <param name="Typical">A step on average; null where the data were not read.</param>
internal sealed record PlannedData(RunLength? Length, string Unknown, MemoryItem? Memory, Func<int, long>? MostTokens, TypicalStep? Typical = null)
{
    /// <summary>Reads the data where they are at hand. A plan needs none: what keeps them from being read is said, not thrown.</summary>
    public static PlannedData Of(RunBlueprint blueprint, IProgress<DataProgress>? progress)
    {
        var path = blueprint.Configuration.Data.Name;
        if (path is null) return new(null, "data.path names no data", null, null);
        try
        {
            var inputs = RunInputs.Open(blueprint, progress);
            return new(inputs.Data.Length, "", inputs.DescribeMemory(), inputs.MostTokens, inputs.Typical);
        }
        catch (HorizonException error)
        {
            return new(null, error.Message, null, null);
        }
    }
}
