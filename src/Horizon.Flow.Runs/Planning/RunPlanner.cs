using Horizon.Flow.Activations;
using Horizon.Flow.Devices;
using Horizon.Flow.Distributed;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Resources;
using Horizon.Flow.Runs.Blueprint;
using Horizon.Flow.Runs.Sections;
using Horizon.Flow.Text.Tokens;
using Horizon.Flow.Units;

namespace Horizon.Flow.Runs.Planning;

/// <summary>Adds up what a run will need where, from the model's <c>config.json</c> without its weights and from the data where they are at hand, and refuses what does not fit.</summary>
public static class RunPlanner
{
    // Beyond so many tokens in a micro-batch nothing is gained; the search for the best batch ends there.
    private const long MostTokens = 1 << 24;

    // Of the device's memory, left free when layers keep their activations: nothing fails for want of it, only for what was not foreseen.
    private const double Margin = 0.05;

    /// <summary>The plan of a configuration.</summary>
    /// <param name="configuration">Names a model.</param>
    /// <param name="deviceMemory">Device memory to plan for; null asks the device.</param>
    /// <param name="hostMemory">Host memory to plan for; null asks the machine.</param>
    /// <param name="progress">Is told how far the reading of the data is.</param>
    /// <param name="ranks">Ranks of a machine, a device each; they share its host memory.</param>
    /// <param name="machines">Machines.</param>
    /// <exception cref="HorizonException">The model is not known, the settings do not go together, or there is no such device.</exception>
    public static PlanReport Plan(RunConfiguration configuration, ByteSize? deviceMemory = null, ByteSize? hostMemory = null, IProgress<DataProgress>? progress = null, int ranks = 1, int machines = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(machines, 1);
        var blueprint = RunBlueprint.Of(configuration);
        if (configuration.Training.ChoosesBatchSize)
        {
            return ranks * machines == 1 ? PlanChosen(configuration, deviceMemory, hostMemory, progress)
                : throw new HorizonException("training.batch_size is auto, which one rank chooses for itself; say a number where there are several");
        }

        if (ranks * machines > 1) blueprint = blueprint.On(new PlannedRanks(ranks * machines), ranks);
        // Asked before the data are read, which take their part of it.
        var host = new ByteSize((hostMemory?.Bytes ?? MachineMemory.AvailableBytes()) / blueprint.RanksHere);
        var data = PlannedData.Of(blueprint, progress);
        PlanReport On(string device, ByteSize? memory, IUnitOperators? operators = null) => Plan(blueprint, device, memory, operators, host, data.Memory, data.MostTokens, data.Typical) with
        {
            Length = data.Length,
            LengthDescription = data.Length?.Describe() ?? $"not known: {data.Unknown}",
        };
        if (deviceMemory is not null) return On("a GPU", deviceMemory);
        if (configuration.Device == "cpu") return On("cpu", null);
        using var device = ComputeDevice.Parse(configuration.Device);
        return On(device.Name, FreeMemory.Of(device).Device, device.Operators);
    }

    /// <summary>The configuration with a <c>training.batch_size</c> of <c>auto</c> replaced by what the plan recommends, for full rows; another one as it is.</summary>
    /// <param name="configuration">Names a model.</param>
    /// <param name="deviceMemory">Device memory to plan for; null asks the device.</param>
    /// <param name="hostMemory">Host memory to plan for; null asks the machine.</param>
    /// <exception cref="HorizonException">The model is not known, no batch fits, or there is no such device.</exception>
    public static RunConfiguration ChooseBatchSize(RunConfiguration configuration, ByteSize? deviceMemory = null, ByteSize? hostMemory = null)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        if (!configuration.Training.ChoosesBatchSize) return configuration;
        RunConfiguration With(int batchSize) => configuration with { Training = configuration.Training with { BatchSize = batchSize } };
        var plan = Plan(With(1) with { Data = configuration.Data with { Path = null, Sets = [] } }, deviceMemory, hostMemory);
        return plan.RecommendedBatchSize is { } best ? With(best)
            : throw new HorizonException($"training.batch_size: auto finds none that fits: {plan.Binds}; take a smaller model, a shorter data.sequence_length or more memory");
    }

    /// <summary>The plan for an open device.</summary>
    /// <param name="blueprint">What is planned.</param>
    /// <param name="device">Where it computes.</param>
    /// <param name="memory">Memory to plan for; null asks machine and device.</param>
    /// <param name="data">The data in host memory, where they are counted; null where they are there already, or not read.</param>
    /// <param name="mostTokens">Tokens of the data's largest micro-batch of so many rows, for which activations are planned; null where they were not read, for full rows.</param>
    /// <param name="typical">A step of the data on average; null where they were not read, for full rows of one document each.</param>
    public static PlanReport Plan(
        RunBlueprint blueprint, IComputeDevice device, FreeMemory? memory = null, MemoryItem? data = null, Func<int, long>? mostTokens = null, TypicalStep? typical = null)
    {
        ArgumentNullException.ThrowIfNull(blueprint);
        ArgumentNullException.ThrowIfNull(device);
        memory ??= FreeMemory.Of(device);
        return Plan(blueprint, device.Name, memory.Device, device.Operators, memory.Host, data, mostTokens, typical);
    }

    /// <summary>Refuses a run that does not fit, with the numbers.</summary>
    /// <exception cref="HorizonException">It does not fit.</exception>
    public static void Require(PlanReport plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        if (plan.Fits) return;
        var place = plan.Fit(MemoryPlace.Host) ? MemoryPlace.Device : MemoryPlace.Host;
        var items = plan.Items.Where(item => item.Place == place).OrderByDescending(item => item.Bytes).Select(item => $"{item.Kind} {new ByteSize(item.Bytes)}");
        var mend = plan.BestBatchSize is { } batch ? $"set training.batch_size to {batch} or less" : "no training.batch_size fits: take a smaller model or more memory";
        throw new HorizonException($"not enough memory: {plan.Binds} ({string.Join(", ", items)}); {mend}.");
    }

    // Where none fits, one row is planned, to say by how much.
    private static PlanReport PlanChosen(RunConfiguration configuration, ByteSize? deviceMemory, ByteSize? hostMemory, IProgress<DataProgress>? progress)
    {
        RunConfiguration chosen;
        try
        {
            chosen = ChooseBatchSize(configuration, deviceMemory, hostMemory);
        }
        catch (HorizonException)
        {
            chosen = configuration with { Training = configuration.Training with { BatchSize = 1 } };
        }

        return Plan(chosen, deviceMemory, hostMemory, progress);
    }

    // Without a device memory of its own the device computes in the host's, and everything lies there.
    private static PlanReport Plan(RunBlueprint blueprint, string device, ByteSize? deviceMemory, IUnitOperators? operators, ByteSize host, MemoryItem? data, Func<int, long>? mostTokens, TypicalStep? typical)
    {
        var plan = blueprint.Plan();
        var tokens = new Dictionary<int, long?>();
        long? TokensOf(int batchSize)
        {
            if (!tokens.TryGetValue(batchSize, out var known)) tokens.Add(batchSize, known = mostTokens?.Invoke(batchSize));
            return known;
        }

        PlanReport With(int batchSize, ActivationChoice activations)
        {
            var budget = blueprint.Budget(batchSize, activations, gpu: deviceMemory is not null, TokensOf(batchSize), operators, typical?.WholeRows == true);
            if (data is not null) budget = budget.With(data);
            if (deviceMemory is null) budget = ProcessMemory.AddTo(budget);
            var items = budget.Items.Select(item => deviceMemory is null ? item with { Place = MemoryPlace.Host } : item);
            var model = $"{blueprint.Description}, {batchSize} x {blueprint.SequenceLength} tokens, on {device}{(blueprint.Ranks is { } ranks ? $", each of {ranks.Count} ranks" : "")}";
            return new PlanReport(model, [.. items], deviceMemory, host, "", null) { Activations = activations };
        }

        PlanReport Report(int batchSize)
        {
            if (blueprint.ConfiguredActivations is { } configured) return With(batchSize, configured) with { ActivationsReason = $"{configured.Describe(plan.Model)}, as configured" };
            var chosen = ActivationChoice.Fastest(plan, choice => FitsWithMargin(With(batchSize, choice)), mayOffload: deviceMemory is not null);
            return With(batchSize, chosen) with { ActivationsReason = $"{chosen.Describe(plan.Model)}: {Why(chosen)}" };
        }

        var size = blueprint.Configuration.Training.BatchSize;
        var report = Report(size);
        StepCost Cost(int batchSize, PlanReport of, double weightsFirst)
        {
            var step = typical is null ? null : typical with { Tokens = typical.Tokens * batchSize / size };
            return CostOf(blueprint, plan.With(options => options with { Pipeline = options.Pipeline with { WeightsFirst = weightsFirst } }), device, deviceMemory is not null, batchSize, of.Activations!, step, operators);
        }


        // As much of the state as may follow beside head and backward without holding up the next step.
        double WeightsFirst(int batchSize, PlanReport of)
        {
            if (blueprint.ConfiguredWeightsFirst is { } configured) return configured;
            var all = Cost(batchSize, of, 1).Time;
            return deviceMemory is not null && all is { Behind: > 0, AfterUpdates: { } beside } ? Math.Min(1, beside / all.Behind) : 0;
        }

        double Rate(int batchSize)
        {
            var of = Report(batchSize);
            var cost = Cost(batchSize, of, WeightsFirst(batchSize, of));
            return cost.Work.Tokens / cost.Time.Predicted;
        }

        var most = (int)Math.Max(1, MostTokens / blueprint.SequenceLength);
        var choice = BatchChoice.Of(most, batch => Report(batch).FitsWithRoom, Rate);
        var weightsFirst = WeightsFirst(size, report);
        return report with
        {
            Cost = Cost(size, report, weightsFirst), WeightsFirst = weightsFirst, Traffic = blueprint.Ranks is { } ranks ? StepTraffic.Of(plan, blueprint.Precision, ranks.Count) : null, Binds = Describe(report), BestBatchSize = choice.Largest, RecommendedBatchSize = choice.Recommended, ParameterCount = blueprint.Model.ParameterCount,
        };
    }

    private static StepCost CostOf(RunBlueprint blueprint, TrainingPlan plan, string device, bool gpu, int batchSize, ActivationChoice choice, TypicalStep? typical, IUnitOperators? operators)
    {
        var step = typical ?? new((double)batchSize * blueprint.Configuration.Training.GradientAccumulation * blueprint.SequenceLength, blueprint.SequenceLength, WholeRows: !blueprint.Configuration.Data.Packing);
        var ranks = blueprint.Ranks?.Count ?? 1;
        var work = StepWork.Of(plan, blueprint.Precision, choice, step.Tokens, Math.Min(step.DocumentLength, blueprint.SequenceLength)) with
        {
            Ranks = ranks, Machines = ranks / blueprint.RanksHere,
            AttentionShare = MachineRates.AttentionShareOf(blueprint.ModelConfig.HeadDimension, blueprint.Configuration.Training.Deterministic, step.WholeRows, operators),
        };
        var rates = MachineRatesFile.Of(device, gpu);
        return new(work, StepTime.Of(work, rates, blueprint.Precision, gpu), rates);
    }

    private static bool FitsWithMargin(PlanReport report)
    {
        var spare = report.Activations!.Keeps ? 1 - Margin : 1;
        return ((MemoryPlace[])[MemoryPlace.Device, MemoryPlace.Host]).All(place =>
            report.Available(place) is not { } available || report.Needed(place).Bytes <= spare * available.Bytes);
    }

    private static string Why(ActivationChoice chosen) =>
        chosen.Count(ActivationPolicy.Offload) > 0 ? "the inputs of all do not fit into device memory"
        : chosen.Keeps ? FormattableString.Invariant($"what fits with {Margin:P0} to spare")
        : "no layer's activations fit beside the inputs";

    private static string Describe(PlanReport report)
    {
        var tightest = ((MemoryPlace[])[MemoryPlace.Device, MemoryPlace.Host])
            .Where(place => report.Available(place) is not null)
            .MaxBy(place => (double)report.Needed(place).Bytes / Math.Max(1, report.Available(place)!.Value.Bytes));
        return $"{(tightest == MemoryPlace.Host ? "host" : "device")} memory, {report.Needed(tightest)} needed of {report.Available(tightest)} available";
    }
}
