using Horizon.Flow.Resources;
using Horizon.Flow.Runs.Loading;
using Horizon.Flow.Runs.Planning;
using Horizon.Flow.Runs.Sections;

namespace Horizon.Flow.Cli.Tests.Runs;

/// <summary>What is said about data that is really read.</summary>
public sealed class DataReportTests : IDisposable
{
    private readonly RunFolder _run = new();

    public DataReportTests()
    {
        _run.WriteTokens("data.jsonl", Enumerable.Range(3, 3).Select(length => Enumerable.Repeat(7L, length).ToArray()).Select(ids => (ids, ids)));
        _run.Write("run.yaml", $"{{ model: {{ path: {RunFolder.Stories} }}, data: {{ path: data.jsonl, format: tokens, sequence_length: 10, packing: false }}, device: cpu }}");
    }

    public void Dispose() => _run.Dispose();

    /// <summary>No batch holds padding; what is empty is what rows could have held.</summary>
    [Fact]
    public async Task Data_RowsShorterThanASequence_SaysHowFullTheyAre()
    {
        var run = await _run.RunAsync("data", _run.In("run.yaml"));
        Assert.Equal((ExitCodes.Success, ""), (run.ExitCode, run.Error));
        Assert.Contains("rows:      3 of at most 10 tokens, 40.0 % of their places filled", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Data_Preferences_LieOneBehindAnother()
    {
        _run.Write("pairs.jsonl", """{"prompt":"Once","chosen":" upon a time.","rejected":" more."}""");
        _run.Write("pairs.yaml", $"{{ model: {{ path: {RunFolder.Stories} }}, data: {{ path: pairs.jsonl, sequence_length: 100 }}, training: {{ objective: {{ name: dpo }} }}, device: cpu }}");
        var run = await _run.RunAsync("data", _run.In("pairs.yaml"));
        Assert.Contains("rows:      2 of at most 100 tokens, one behind another without padding\n", run.Output, StringComparison.Ordinal);
    }

    /// <summary>A document that an epoch holds several times lies in memory once, and so does one of which no row holds everything: only numbers are more.</summary>
    [Fact]
    public void Plan_DocumentsRepeatedOrCut_AreCountedOnceAndWhole()
    {
        static MemoryItem Data(RunConfiguration configuration) => Assert.Single(RunPlanner.Plan(configuration).Items, item => item.Kind == "data");
        RunConfiguration Load(params string[] set) => ConfigurationLoader.Load(_run.In("run.yaml"), set);
        var one = Data(Load("output.directory=out"));
        // 12 ids of two bytes, 18 bytes for each document, and for each of three rows a segment, its end and its place in the epoch.
        Assert.Equal((12 * 2) + (3 * 18) + (3 * (16 + 4 + 4)), one.Bytes);
        var repeated = Data(Load("output.directory=out", "data.path=null", $"data.sets=[{{ path: {_run.In("data.jsonl")}, weight: 3 }}]", "data.sequence_length=2"));
        // Six rows more, and a number for each of nine documents.
        Assert.Equal(one.Bytes + (6 * 24) + (9 * 4), repeated.Bytes);
    }
}
