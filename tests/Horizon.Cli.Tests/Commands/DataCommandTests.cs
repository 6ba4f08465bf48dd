using Horizon.Flow.Runs.Data;
using Horizon.Flow.Runs.Sections;
using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Text.Batches;
using Horizon.Flow.Text.Tokens;

namespace Horizon.Flow.Cli.Tests.Commands;

public sealed class DataCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public DataCommandTests()
    {
        _folder.Write("data.jsonl", "");
        _folder.Write("run.yaml", "model: { path: . }\ndata: { path: data.jsonl }");
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Data_Report_ShowsCountsLengthsAndWhatIsLearned()
    {
        var inspector = new Scripted();
        var run = await CommandHarness.RunAsync(new DataCommand(inspector), "data", Path.Combine(_folder.Path, "run.yaml"), "--examples", "1");
        Assert.Equal(
            """
            documents: 4, and 1 malformed records
            tokens:    30, of which 12 (40.0 %) are learned
            rows:      2 of at most 20 tokens, 75.0 % of their places filled
            note:      one is cut\u000aoff.

            tokens a document: shortest 3, median 9, longest 12
              up to         3            1  █████████████
              up to         7            0
              up to        15            3  ████████████████████████████████████████

            example 1, what is learned between ⟦ and ⟧:
            <user>hi\u001b[2J<assistant>⟦hello<end>⟧

            """,
            run.Output);
        Assert.Equal((ExitCodes.Success, 1), (run.ExitCode, inspector.Asked));
    }

    [Theory]
    [InlineData("model: { path: . }", "data.path is missing")]
    [InlineData("model: { path: . }\ndata: { path: no.jsonl }", "data.path is")]
    [InlineData("model: { path: . }\ndata: { path: data.jsonl, sets: [ { path: data.jsonl } ] }", "empty where data.sets names the data")]
    [InlineData("model: { path: . }\ndata: { sets: [ { path: data.jsonl, weight: 0 } ] }", "data.sets[0].weight is 0; it should be more than 0")]
    [InlineData("model: { path: . }\ndata: { sets: [ { weight: 1 } ] }", "data.sets[0].path is missing")]
    public async Task Data_ConfigurationWithoutData_IsRefused(string configuration, string complaint)
    {
        _folder.Write("run.yaml", configuration);
        var run = await CommandHarness.RunAsync(new DataCommand(new Scripted()), "data", Path.Combine(_folder.Path, "run.yaml"));
        Assert.NotEqual(ExitCodes.Success, run.ExitCode);
        Assert.Contains(complaint, run.Error, StringComparison.Ordinal);
    }

    private sealed class Scripted : IDataInspector
    {
        public int Asked { get; private set; }

        public DataReport Inspect(RunConfiguration configuration, int examples, IProgress<DataProgress> progress)
        {
            Asked = examples;
            var summary = new DataSummary
            {
                Documents = 4, Rows = 2, Tokens = 30, LabelledTokens = 12, DroppedDocuments = 0, CutDocuments = 1, SplitDocuments = 0, OverlongDocuments = 0,
                BadRecords = 1, Warnings = ["one is cut\noff."],
            };
            return new DataReport(summary, [3, 8, 9, 12], 20, 40, [[new DataStretch("<user>hi\u001b[2J<assistant>", false), new DataStretch("hello<end>", true)]]);
        }
    }
}
