using System.Text.Json;
using FsCheck;
using Horizon.Flow.Graph;
using Horizon.Flow.Program;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Tracing;

namespace Horizon.Flow.Tests.Tracing;

public class ChromeTraceTests
{
    private static readonly string[] Computing = [Ops.Forward, Ops.Recompute, Ops.Head, Ops.Backward];

    /// <summary>Read back by a JSON parser: every stage and unit is there, what lies on a row does not overlap, and stages that compute follow the program.</summary>
    [Cases(8, Arbitrary = [typeof(TrainingCases)])]
    public async Task Write_ARun_HasEveryStageAndUnitInTheProgramsOrder(TrainingCase @case, PositiveInt seed)
    {
        var tested = @case with { Steps = 3 };
        var plan = tested.Plan();
        var trace = new StepTrace(2, 3);
        using var inner = new JitterDevice(seed.Get);
        using var device = new TracingDevice(inner);
        var shares = await RunAsync(tested, plan, trace, device);
        var events = Parse(trace.Spans, device.Spans);

        var rows = events.Where(one => one.Name == "thread_name").ToDictionary(one => one.Row, one => one.Text("name"));
        var stays = events.Where(one => one.Category == "unit").ToList();
        Assert.Equal(
            shares.Where(pair => pair.Value.Messages > 0).Select(pair => pair.Key).Order(StringComparer.Ordinal),
            stays.Select(one => StageOf(rows[one.Row])).Distinct().Order(StringComparer.Ordinal));
        Assert.Equal([2L, 3L], stays.Select(one => one.Step).Distinct().Order());
        foreach (var unit in plan.Model.Units)
            Assert.Contains(stays, one => one.Name == unit.Name);

        foreach (var row in events.Where(one => one.Category is "unit" or "copy" or "kernels").GroupBy(one => one.Row))
            RequireApart([.. row.OrderBy(one => one.Start)]);
        Assert.All(events.Where(one => one.Category == "wait"), wait =>
            Assert.Contains(stays, stay => stay.Row == wait.Row && stay.Start <= wait.Start && wait.End <= stay.End && stay.Name == wait.Text("unit")));

        var program = plan.CreateProgrammer().ProgramFor(new StepRequest(2, StepPurpose.Train, tested.MicroBatches));
        foreach (var op in Computing)
        {
            var visits = program.Visits.Where(visit => visit.Op == op).Select(visit => (plan.Model.Units[visit.Unit].Name, visit.MicroBatch));
            Assert.Equal(visits, stays.Where(one => one.Step == 2 && one.Op == op && rows[one.Row] == op).OrderBy(one => one.Start).Select(one => (one.Name, one.MicroBatch)));
        }
    }

    [Fact]
    public void Write_StaysAtOnce_GetARowEach()
    {
        TracedSpan[] spans = [Stay("a", 0, 10), Stay("b", 5, 20), Stay("c", 10, 15)];
        var events = Parse(spans, []);
        Assert.Equal(["update", "update (2)"], events.Where(one => one.Name == "thread_name").Select(one => one.Text("name")));
        Assert.Equal(["a", "c", "b"], events.Where(one => one.Category == "unit").Select(one => one.Name));
    }

    [Fact]
    public void Write_NothingTraced_IsAnEmptyTrace() => Assert.DoesNotContain(Parse([], []), one => one.Category is not null);

    private static TracedSpan Stay(string unit, long start, long end) => new("update", unit, 1, null, null, start, end, []);

    private static string StageOf(string row) => row.Split(" (")[0];

    private static void RequireApart(IReadOnlyList<TraceEvent> inOrder)
    {
        for (var i = 1; i < inOrder.Count; i++) Assert.True(inOrder[i - 1].End <= inOrder[i].Start, $"{inOrder[i - 1].Json} overlaps {inOrder[i].Json}");
    }

    private static async Task<IReadOnlyDictionary<string, StageShares>> RunAsync(TrainingCase tested, TrainingPlan plan, StepTrace trace, TracingDevice device)
    {
        using var store = tested.CreateStore(plan);
        var run = plan.Start(store, device, new GraphRunOptions { OnSpan = trace.OnSpan });
        await foreach (var _ in run.StepsAsync(tested.Batches(), ahead: 1))
        {
        }

        await run.DisposeAsync();
        return run.Shares;
    }

    private static List<TraceEvent> Parse(IReadOnlyList<TracedSpan> stages, IReadOnlyList<DeviceSpan> device)
    {
        using var file = new MemoryStream();
        ChromeTrace.Write(file, stages, device);
        return [.. JsonDocument.Parse(file.ToArray()).RootElement.GetProperty("traceEvents").EnumerateArray().Select(one => new TraceEvent(one))];
    }

    /// <summary>One event as a viewer reads it.</summary>
    private sealed record TraceEvent(JsonElement Json)
    {
        public string Name => Json.GetProperty("name").GetString()!;

        public string? Category => Json.TryGetProperty("cat", out var category) ? category.GetString() : null;

        public (int Process, int Thread) Row => (Json.GetProperty("pid").GetInt32(), Json.GetProperty("tid").GetInt32());

        public decimal Start => Json.GetProperty("ts").GetDecimal();

        public decimal End => Start + Json.GetProperty("dur").GetDecimal();

        public long Step => Json.GetProperty("args").GetProperty("step").GetInt64();

        public string? Op => Json.GetProperty("args").TryGetProperty("op", out var op) ? op.GetString() : null;

        public int MicroBatch => Json.GetProperty("args").GetProperty("micro_batch").GetInt32();

        public string Text(string key) => Json.GetProperty("args").GetProperty(key).GetString()!;
    }
}
