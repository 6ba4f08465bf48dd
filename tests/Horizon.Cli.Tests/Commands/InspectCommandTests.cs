using System.Text.Json;
using Horizon.Flow.Cli.Tests.Printing;
using Horizon.Flow.Graph;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Resources;
using Horizon.Flow.Runs.Planning;
using Horizon.Flow.Runs.Sections;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Cli.Tests.Commands;

public sealed class InspectCommandTests : IDisposable
{
    private static readonly PlanReport Report = new(
        "llama, 1 M parameters, bf16",
        [
            new(MemoryPlace.Device, "weight buffers", 2048, "2 x 1 KiB"),
            new(MemoryPlace.Device, "activations", 1024, ""),
            new(MemoryPlace.Host, "weights", 12_000_000, "12 bytes x 1,000,000 parameters"),
        ],
        DeviceMemory: new ByteSize(2048),
        HostMemory: null,
        "device memory",
        BestBatchSize: 4);

    private readonly TemporaryFolder _folder = new();

    public InspectCommandTests() => _folder.Write("run.yaml", "model: { path: . }");

    private string Config => Path.Combine(_folder.Path, "run.yaml");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Plan_Text_SaysWhatWhereAndWhatBinds()
    {
        var planner = new ScriptedPlanner();
        var run = await CommandHarness.RunAsync(new PlanCommand(planner), "plan", Config, "--gpu-memory", "24GiB");
        Assert.Equal(
            """
            llama, 1 M parameters, bf16

            device memory: 3 KiB of 2 KiB
              weight buffers         2 KiB  2 x 1 KiB
              activations            1 KiB

            host memory: 11.44 MiB
              weights            11.44 MiB  12 bytes x 1,000,000 parameters

            does not fit: device memory
            best training.batch_size: 4

            """,
            run.Output);
        Assert.Equal((ByteSize.FromGibibytes(24), null), planner.Asked);
        Assert.Equal(ExitCodes.Success, run.ExitCode);
    }

    [Fact]
    public async Task Plan_Json_HasTheSameInBytes()
    {
        var run = await CommandHarness.RunAsync(new PlanCommand(new ScriptedPlanner()), "plan", Config, "--json");
        using var json = JsonDocument.Parse(run.Output);
        var root = json.RootElement;
        Assert.False(root.GetProperty("fits").GetBoolean());
        Assert.Equal(4, root.GetProperty("best_batch_size").GetInt32());
        Assert.Equal(3072, root.GetProperty("device").GetProperty("needed_bytes").GetInt64());
        Assert.Equal(2048, root.GetProperty("device").GetProperty("available_bytes").GetInt64());
        Assert.Equal(JsonValueKind.Null, root.GetProperty("host").GetProperty("available_bytes").ValueKind);
        Assert.Equal("weights", root.GetProperty("host").GetProperty("items")[0].GetProperty("kind").GetString());
    }

    [Theory]
    [InlineData("flowchart LR\n")]
    [InlineData("flowchart LR\n", "--format", "mermaid")]
    [InlineData("digraph horizon {\n", "--format", "dot")]
    public async Task Graph_Format_IsPrinted(string start, params string[] arguments)
    {
        var run = await CommandHarness.RunAsync(new GraphCommand(new ScriptedDrawer()), ["graph", Config, .. arguments]);
        Assert.Equal((ExitCodes.Success, ""), (run.ExitCode, run.Error));
        Assert.StartsWith(start, run.Output, StringComparison.Ordinal);
        Assert.Contains("upload", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Generate_Pieces_ArePrintedAsTheyCome()
    {
        var generator = new ScriptedGenerator();
        var run = await CommandHarness.RunAsync(
            new GenerateCommand(generator), "generate", "--model", _folder.Path, "--prompt", "@once", "--max-tokens", "2", "--temperature", "0", "--seed", "7");
        Assert.Equal((ExitCodes.Success, " upon a time\n"), (run.ExitCode, run.Output));
        Assert.Equal(new GenerateRequest(_folder.Path, "@once", 2, 0, 7), generator.Asked);
    }

    [Fact]
    public async Task Generate_ControlCharactersOfTheModel_AreSpelledOut()
    {
        var run = await CommandHarness.RunAsync(
            new GenerateCommand(new ScriptedGenerator { Pieces = ["\u001b", "]0;title\u0007\n", "\ttext\r"] }), "generate", "--model", _folder.Path, "--prompt", "x");
        Assert.Equal("\\u001b]0;title\\u0007\n\ttext\\u000d\n", run.Output);
    }

    [Fact]
    public async Task Graph_OutputCannotBeWritten_IsAFailure()
    {
        using var output = new BrokenWriter();
        using var error = new StringWriter { NewLine = "\n" };
        var code = await new HorizonCommandLine([new GraphCommand(new ScriptedDrawer())]).RunAsync(["graph", Config], output, error);
        Assert.Equal((ExitCodes.Failure, "error: the output could not be written whole: Input/output error\n"), (code, error.ToString()));
    }

    [Fact]
    public async Task Generate_NoSuchFolder_IsOneLine()
    {
        var run = await CommandHarness.RunAsync(new GenerateCommand(new ScriptedGenerator()), "generate", "--model", "/no/model", "--prompt", "x");
        Assert.Equal((ExitCodes.Failure, "error: --model /no/model: there is no such folder.\n"), (run.ExitCode, run.Error));
    }

    private sealed class ScriptedPlanner : IPlanner
    {
        public (ByteSize?, ByteSize?) Asked { get; private set; }

        public PlanReport Plan(RunConfiguration configuration, ByteSize? deviceMemory, ByteSize? hostMemory)
        {
            Asked = (deviceMemory, hostMemory);
            return Report;
        }
    }

    private sealed class ScriptedDrawer : IGraphDrawer
    {
        public GraphDrawing Draw(RunConfiguration configuration, IReadOnlyDictionary<string, StageShares>? shares = null) => new([new DrawnNode("upload", [])], []);
    }

    private sealed class ScriptedGenerator : IGenerator
    {
        public IReadOnlyList<string> Pieces { get; init; } = [" upon", " a time"];

        public GenerateRequest? Asked { get; private set; }

        public async IAsyncEnumerable<string> GenerateAsync(
            GenerateRequest request, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
        {
            Asked = request;
            await Task.Yield();
            foreach (var piece in Pieces) yield return piece;
        }
    }
}
