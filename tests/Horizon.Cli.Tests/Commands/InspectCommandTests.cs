using System.Text.Json;
using Horizon.Flow.Cli.Tests.Printing;
using Horizon.Flow.Graph;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Resources;
using Horizon.Flow.Runs.Generation;
using Horizon.Flow.Runs.Planning;
using Horizon.Flow.Runs.Sections;
using Horizon.Flow.Runs.Session;
using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Text.Tokens;

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

    private static readonly StepCost Cost = new(
        new StepWork(4096, 3e12, 1e12, 5e9, 2e9, 1e9, 4e9, (0, 0, 0)), new StepTime(2, 0.5, 0.2, 0.1, 0.4, 0.15), new MachineRates("cpu", 2e12, 1e10, 1e10, 1e10, 1e10, 1e9, "measured on 2026-11-26"));

    private readonly TemporaryFolder _folder = new();

    public InspectCommandTests() => _folder.Write("run.yaml", "model: { path: . }");

    private string Config => Path.Combine(_folder.Path, "run.yaml");

    public void Dispose() => _folder.Dispose();

    /// <summary>A model is enough to plan for and to draw, as a folder and as the file in it; not to train.</summary>
    [Theory]
    [InlineData("")]
    [InlineData("config.json")]
    public async Task Plan_OfAModel_IsOfARunOfThatModel(string file)
    {
        _folder.Write("my \"model\"/config.json", "{ \"model_type\": \"llama\" }");
        var folder = Path.Combine(_folder.Path, "my \"model\"");
        var planner = new ScriptedPlanner();
        var run = await CommandHarness.RunAsync(new PlanCommand(planner), "plan", Path.Combine(folder, file), "--set", "training.batch_size=3");
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Equal((folder, 3), (planner.Configuration!.Model.Path, planner.Configuration.Training.BatchSize));
    }

    [Fact]
    public async Task Plan_FolderWithoutAModel_SaysWhatWouldDo()
    {
        using var folder = new TemporaryFolder();
        var run = await CommandHarness.RunAsync(new PlanCommand(new ScriptedPlanner()), "plan", folder.Path);
        Assert.Equal((1, $"error: {folder.Path} is a folder without config.json; give the run's YAML file, or a model folder, of which config.json is enough.\n"), (run.ExitCode, run.Error));
    }

    [Fact]
    public async Task Plan_Text_SaysWhatWhereAndWhatBinds()
    {
        var planner = new ScriptedPlanner();
        var run = await CommandHarness.RunAsync(new PlanCommand(planner), "plan", Config, "--gpu-memory", "24GiB");
        Assert.Equal(
            """
            llama, 1 M parameters, bf16

            device memory: 3 KiB of 2 KiB
              weight buffers         2 KiB  █████████████        2 x 1 KiB
              activations            1 KiB  ███████

            host memory: 11.44 MiB
              weights            11.44 MiB  ████████████████████ 12 bytes x 1,000,000 parameters

            does not fit: device memory
            largest training.batch_size: 4

            """,
            run.Output);
        Assert.Equal((ByteSize.FromGibibytes(24), null), planner.Asked);
        Assert.Equal(ExitCodes.Success, run.ExitCode);
    }

    [Fact]
    public async Task Plan_Probe_MeasuresFirstAndSaysWhatAStepTakes()
    {
        var planner = new ScriptedPlanner();
        var run = await CommandHarness.RunAsync(new PlanCommand(planner), "plan", Config, "--probe");
        Assert.True(planner.Probed);
        Assert.Contains(
            """
            step: about 2.65 s, 1,546 tokens/s; its floor is 2.0 s, compute binds
              compute            2.000 s  ████████████████████ 4 TFLOP (25 % computed again) at 2 TFLOP/s
              between them       0.500 s  █████                5 GB of device memory at 10 GB/s, by the operators that are no products
              upload             0.200 s  ██                   2 GB at 10 GB/s
              download           0.100 s  █                    1 GB at 10 GB/s
              update             0.400 s  ████                 4 GB of host memory at 10 GB/s
              between steps      0.150 s  ██                   the largest unit comes down, is updated and goes up
            rates: measured on 2026-11-26
            """,
            run.Output,
            StringComparison.Ordinal);
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
        Assert.Equal((_folder.Path, "@once"), (generator.Asked!.Model.Folder, Assert.Single(generator.Asked.Prompts)));
        Assert.Equal(new GenerationOptions { MaxTokens = 2, Temperature = 0, Seed = 7, Stop = generator.Asked.Options.Stop }, generator.Asked.Options);
        Assert.Empty(generator.Asked.Options.Stop);
        Assert.StartsWith("2 tokens", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Generate_FileOfPrompts_PrintsEachWithItsBeginning()
    {
        var generator = new ScriptedGenerator();
        var file = Path.Combine(_folder.Path, "prompts.txt");
        await File.WriteAllTextAsync(file, "Once\n\nTwice\n");
        var run = await CommandHarness.RunAsync(
            new GenerateCommand(generator), "generate", "--model", _folder.Path, "--prompts", file,
            "--top-k", "5", "--top-p", "0.9", "--min-p", "0.1", "--repetition-penalty", "1.2", "--stop", "a", "--stop", "b");
        Assert.Equal("Once upon a time\nTwice upon a time\n", run.Output);
        var options = generator.Asked!.Options;
        Assert.Equal((5, 0.9, 0.1, 1.2), (options.TopK, options.TopP, options.MinP, options.RepetitionPenalty));
        Assert.Equal(["a", "b"], options.Stop);
    }

    /// <summary>A text that ends with its prompt has its line as the others have.</summary>
    [Fact]
    public async Task Generate_PromptsThatEndAtOnce_ArePrintedAllTheSame()
    {
        var file = Path.Combine(_folder.Path, "prompts.txt");
        await File.WriteAllTextAsync(file, "Once\nTwice\n");
        var run = await CommandHarness.RunAsync(new GenerateCommand(new ScriptedGenerator { Pieces = [] }), "generate", "--model", _folder.Path, "--prompts", file);
        Assert.Equal((ExitCodes.Success, "Once\nTwice\n"), (run.ExitCode, run.Output));
    }

    [Fact]
    public async Task GenerateAndChat_Notice_IsNoPartOfTheText()
    {
        var generator = new ScriptedGenerator { Notice = "slow" };
        using var input = new StringReader("hello\n");
        var generated = await CommandHarness.RunAsync(new GenerateCommand(generator), "generate", "--model", _folder.Path, "--prompt", "x");
        var answered = await CommandHarness.RunAsync(new ChatCommand(generator, input), "chat", "--model", _folder.Path);
        Assert.Equal((" upon a time\n", " upon a time\n"), (generated.Output, answered.Output));
        Assert.StartsWith("note: slow\n", generated.Error, StringComparison.Ordinal);
        Assert.StartsWith("note: slow\n", answered.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Chat_Lines_AreTurnsAndAnswersAreLines()
    {
        var generator = new ScriptedGenerator();
        using var input = new StringReader("hello\n\nbye\n");
        var run = await CommandHarness.RunAsync(new ChatCommand(generator, input), "chat", "--model", _folder.Path, "--system", "be brief");
        Assert.Equal((ExitCodes.Success, " upon a time\n upon a time\n"), (run.ExitCode, run.Output));
        Assert.Equal(["be brief", "hello", "bye"], generator.Heard);
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

        public bool Probed { get; private set; }

        public RunConfiguration? Configuration { get; private set; }

        public PlanReport Plan(RunConfiguration configuration, ByteSize? deviceMemory, ByteSize? hostMemory, int ranks, int machines, IProgress<DataProgress> progress)
        {
            (Asked, Configuration) = ((deviceMemory, hostMemory), configuration);
            return Probed ? Report with { Cost = Cost } : Report;
        }

        public Task<MachineRates> ProbeAsync(RunConfiguration configuration, IProgress<PhaseProgress> progress)
        {
            Probed = true;
            return Task.FromResult(Cost.Rates);
        }
    }

    private sealed class ScriptedDrawer : IGraphDrawer
    {
        public GraphDrawing Draw(RunConfiguration configuration, IReadOnlyDictionary<string, StageShares>? shares = null) => new([new DrawnNode("upload", [])], []);
    }

    private sealed class ScriptedGenerator : IGenerator
    {
        public IReadOnlyList<string> Pieces { get; init; } = [" upon", " a time"];

        public string? Notice { get; init; }

        public GenerateRequest? Asked { get; private set; }

        public List<string?> Heard { get; } = [];

        public async IAsyncEnumerable<(int Prompt, GeneratedPiece Piece)> GenerateAsync(
            GenerateRequest request, Action<string> notice, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
        {
            Asked = request;
            await Task.Yield();
            if (Notice is not null) notice(Notice);
            for (var i = 0; i < request.Prompts.Count; i++)
                foreach (var piece in Pieces) yield return (i, new GeneratedPiece(piece, 1));
        }

        public async IAsyncEnumerable<GeneratedPiece?> ChatAsync(
            ModelFolders model, string? system, GenerationOptions options, IEnumerable<string> turns, Action<string> notice,
            [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
        {
            Heard.Add(system);
            await Task.Yield();
            if (Notice is not null) notice(Notice);
            foreach (var turn in turns)
            {
                Heard.Add(turn);
                foreach (var piece in Pieces) yield return new GeneratedPiece(piece, 1);
                yield return null;
            }
        }
    }
}
