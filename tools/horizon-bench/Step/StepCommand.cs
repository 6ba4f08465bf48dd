using Horizon.Flow.Blocks;
using Horizon.Flow.Devices;
using Horizon.Flow.Distributed;
using Horizon.Flow.Graph;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;
using Horizon.Flow.Models;
using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Fp8;
using Horizon.Flow.Resources;
using Horizon.Flow.Tracing;
using Horizon.Flow.Units;

namespace Horizon.Flow.Bench;

/// <summary>Training steps of a shape, timed, beside the floor of the machine.</summary>
internal static class StepCommand
{
    public static async Task RunAsync(StepSettings settings, Report report)
    {
        var config = Shapes.Named(settings.Shape);
        config = config with { LayerCount = settings.Layers ?? config.LayerCount, MaximumSequenceLength = Math.Max(config.MaximumSequenceLength, (int)settings.MostTokens) };
        config = config with { SlidingWindows = [.. config.SlidingWindows.Take(config.LayerCount)] };
        config = config with { ExpertParts = settings.Parts == 0 ? ExpertParts.ChooseFor(config) : settings.Parts };
        using var device = ComputeDevice.Parse(settings.Device, report.Warn, timed: true, settings.Deterministic);
        var partial = new PartialDevice(device, groups: !settings.SingleExperts, rows: !settings.FlashRows);
        using var collectives = await BenchRanks.JoinAsync(device, report);
        foreach (var line in Machine.Describe()) report.Say($"{line}");
        report.Say($"device {device.Name}; {settings.Summary}");
        var model = settings.AutogradLayers ? WithAutograd(ModelFamilies.Define(config), config) : ModelFamilies.Define(config);
        if (settings.Fp8 is { } fp8) model = model.WithFp8(fp8);
        var precision = settings.Precision == "fp32" ? StorePrecision.Fp32 : StorePrecision.Bf16;
        var options = Options(settings);
        MemoryBudget Budget(TrainingPlan one) => MemoryBudget.Of(BenchRanks.Wire(one, collectives), precision, settings.Rows, settings.Sequence, gpu: device.MemoryBytes is not null, packed: settings.Documents > 0, deterministic: settings.Deterministic, mostTokens: settings.Documents > 0 ? settings.MostTokens : null, operators: partial.Operators);
        var activations = StepActivations.Choose(settings.Activations, TrainingPlan.For(model, options), device, Budget);
        var whole = TrainingPlan.For(model, options with { Activations = activations.Of });
        // Before a stage that may change gradients, all of them travel.
        if (settings.SendsZeros) whole = whole.OutOfJoin(Stages.Download).Insert("zeros, too", gradient => gradient);
        var plan = BenchRanks.Wire(whole, collectives);
        report.Say($"activations: {activations}");
        var budget = Budget(whole);
        foreach (var item in budget.Items) report.Say($"  {item.Place} {new ByteSize(item.Bytes)} {item.Kind}: {item.How}");
        report.Say($"{model.ParameterCount:N0} parameters; budget: host {new ByteSize(budget.HostBytes)}, device {new ByteSize(budget.DeviceBytes)}");
        using var workers = new HostWorkers(settings.Threads);
        Floor? floor = null;
        if (settings.Floor)
            await report.Part("floor", settings.Limit, async () => floor = await FloorBench.MeasureAsync(device, config, model, settings, workers, report, collectives));
        await report.Part("steps", settings.Limit, () => StepsAsync(settings, config, plan, budget, precision, partial, workers, floor, report, collectives));
    }

    private static ModelDefinition WithAutograd(ModelDefinition model, ModelConfig config)
    {
        var layer = new AutogradDecoderLayerTemplate(config, new RotaryEmbedding(config.Rope, config.HeadDimension), null);
        return model with { Hidden = [.. model.Hidden.Select(binding => binding.Template.IsEmbedding ? binding : binding with { Template = layer })] };
    }

    private static TrainingOptions Options(StepSettings settings) => new()
    {
        Optimizer = UpdateRules.Create(settings.Optimizer),
        MaxGradientNorm = settings.Clip > 0 ? settings.Clip : null,
        RecomputeInterval = settings.Interval,
        GradientAccumulation = settings.Accumulation,
        HostThreads = settings.Threads,
        LearningRate = _ => 1e-5,
        Pipeline = new PipelineOptions
        {
            DeviceBuffers = Math.Max(settings.DeviceBuffers, settings.Interval),
            GradientBuffers = settings.GradientBuffers,
            GradientSlabs = settings.Slabs,
        },
    };

    private static async Task StepsAsync(
        StepSettings settings, ModelConfig config, TrainingPlan plan, MemoryBudget budget, StorePrecision precision, IComputeDevice device, HostWorkers workers, Floor? floor, Report report, ICollectives? collectives)
    {
        var clock = TimeProvider.System;
        var start = clock.GetTimestamp();
        using var store = plan.CreateStore(precision);
        BenchRanks.Fill(store, plan, 1, workers, 0.02, collectives);
        report.Say($"store of {new ByteSize(store.ByteLength)} filled in {clock.GetElapsedTime(start).TotalSeconds:F1} s, resident {new ByteSize(Environment.WorkingSet)}");
        foreach (var share in settings.WeightsFirst)
        {
            report.Say($"weights first {share:0.##}");
            var timeline = settings.Timeline is { } file && settings.WeightsFirst.Count > 1 ? Path.ChangeExtension(file, FormattableString.Invariant($"{share:0.##}{Path.GetExtension(file)}")) : settings.Timeline;
            await StepsAsync(settings with { Timeline = timeline }, config, plan.With(options => options with { Pipeline = options.Pipeline with { WeightsFirst = share } }), budget, store, device, floor, report, collectives);
        }
    }

    private static async Task StepsAsync(
        StepSettings settings, ModelConfig config, TrainingPlan plan, MemoryBudget budget, ParameterStore store, IComputeDevice device, Floor? floor, Report report, ICollectives? collectives)
    {
        var clock = TimeProvider.System;
        var tracing = new TracingDevice(settings.EagerOperators ? new EagerDevice(device) : device);
        var trace = new StepTrace(settings.WarmUp + 1, long.MaxValue);
        if (collectives is not null) await collectives.BarrierAsync();
        var start = clock.GetTimestamp();
        var run = plan.Start(store, tracing, new GraphRunOptions { OnSpan = trace.OnSpan });
        report.Say($"run started in {clock.GetElapsedTime(start).TotalSeconds:F1} s (page-locking)");
        var results = new StepResults(settings, config, plan, budget, floor, report, collectives);
        try
        {
            await foreach (var step in run.StepsAsync(Batches(settings, plan.Model.VocabularySize, collectives), ahead: 1)) results.Add(step);
        }
        finally
        {
            report.Say($"stages (seconds, whole run):");
            foreach (var (stage, share) in run.Shares)
                report.Say($"  {stage,-10} busy {share.Busy.TotalSeconds,8:F2}  waiting {share.Waiting.TotalSeconds,8:F2}  no input {share.Starved.TotalSeconds,8:F2}  blocked {share.Blocked.TotalSeconds,8:F2}  messages {share.Messages}");
            await run.DisposeAsync();
        }

        results.Summarize(run.LeasesReclaimed);
        var summary = new TraceSummary(trace.Spans, tracing.Spans);
        summary.Describe(report);
        if (settings.Timeline is { } file) ChromeTrace.Write(file, trace.Spans, tracing.Spans);
        if (settings.Picture is { } picture) summary.Draw(picture, settings.Steps - 1);
    }

    // Micro-batch i of a step is rank i mod N's: N ranks get what one with as many micro-batches gets.
    private static IEnumerable<IReadOnlyList<MicroBatch>> Batches(StepSettings settings, int vocabulary, ICollectives? ranks)
    {
        var (rank, count) = (ranks?.Rank ?? 0, ranks?.Count ?? 1);
        for (var step = 0; step < settings.Steps; step++)
        {
            var first = step * settings.Accumulation * count;
            yield return [.. Enumerable.Range(0, settings.Accumulation).Select(i => Batch(settings, vocabulary, new Random(first + (i * count) + rank)))];
        }
    }

    private static MicroBatch Batch(StepSettings settings, int vocabulary, Random random)
    {
        if (settings.Documents > 0) return StepDocuments.Draw(settings, vocabulary, random);
        var count = settings.Batch * settings.Sequence;
        var tokens = new long[count + 1];
        for (var i = 0; i <= count; i++) tokens[i] = random.Next(vocabulary);
        var positions = new long[count];
        for (var i = 0; i < count; i++) positions[i] = i % settings.Sequence;
        return new MicroBatch(settings.Batch, settings.Sequence, tokens[..count], tokens[1..], positions);
    }
}
