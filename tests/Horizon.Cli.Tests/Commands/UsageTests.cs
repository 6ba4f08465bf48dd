using System.CommandLine;
using Horizon.Flow.Distributed;
using Horizon.Flow.Graph;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Runs.Data;
using Horizon.Flow.Runs.Generation;
using Horizon.Flow.Runs.Planning;
using Horizon.Flow.Runs.Sections;
using Horizon.Flow.Runs.Session;
using Horizon.Flow.Text.Tokens;

namespace Horizon.Flow.Cli.Tests.Commands;

public class UsageTests
{
    [Theory]
    [InlineData("")]
    [InlineData("trian run.yaml")]
    [InlineData("train")]
    [InlineData("train run.yaml more.yaml")]
    [InlineData("train run.yaml --set nothing")]
    [InlineData("train run.yaml --sett a=b")]
    [InlineData("train run.yaml --trace 3")]
    [InlineData("train run.yaml --trace steps=0")]
    [InlineData("plan run.yaml --gpu-memory lots")]
    [InlineData("plan run.yaml --host-memory 0")]
    [InlineData("graph run.yaml --format svg")]
    [InlineData("generate --model .")]
    [InlineData("generate --model . --prompt x --prompts y")]
    [InlineData("generate --model . --prompt x --top-k -1")]
    [InlineData("generate --model . --prompt x --top-p 0")]
    [InlineData("generate --model . --prompt x --min-p 2")]
    [InlineData("generate --model . --prompt x --repetition-penalty 0")]
    [InlineData("chat")]
    [InlineData("generate --model . --prompt x --max-tokens 0")]
    [InlineData("generate --model . --prompt x --max-tokens many")]
    [InlineData("generate --model . --prompt x --temperature -1")]
    [InlineData("generate --model . --prompt x --temperature NaN")]
    public async Task RunAsync_WrongCommandLine_ExitsWithUsageAndSaysWhy(string line)
    {
        var (code, output, error) = await Run(line.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal((ExitCodes.Usage, ""), (code, output));
        Assert.StartsWith("error: ", error, StringComparison.Ordinal);
        Assert.EndsWith("--help says how to write it\n", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Train_TwoSettingsAfterOneSet_SaysThatEachHasItsOwn()
    {
        var (code, _, error) = await Run("train", "run.yaml", "--set", "training.seed=1", "training.epochs=2");
        Assert.Equal(ExitCodes.Usage, code);
        Assert.Contains("each setting has a --set of its own: --set training.epochs=2\n", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Generate_EmptyStop_IsRefused()
    {
        var (code, _, error) = await Run("generate", "--model", ".", "--prompt", "x", "--stop", "");
        Assert.Equal(ExitCodes.Usage, code);
        Assert.StartsWith("error: --stop needs a text", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Convert_Recipe_PrintsOrWritesIt()
    {
        using var folder = new Horizon.Flow.Tests.Shared.TemporaryFolder();
        var recipe = folder.Write("recipe.yaml", "base_model: some/model\nmicro_batch_size: 3\n");
        var (code, output, error) = await Run("convert", recipe);
        Assert.Equal((ExitCodes.Success, ""), (code, error));
        Assert.StartsWith("# converted from a recipe of axolotl\n", output, StringComparison.Ordinal);
        Assert.Contains("\n  batch_size: 3\n", output, StringComparison.Ordinal);
        var target = Path.Combine(folder.Path, "run.yaml");
        var (_, notes, _) = await Run("convert", recipe, "-o", target);
        Assert.Equal(output, File.ReadAllText(target));
        Assert.EndsWith($"written to {target}\n", notes, StringComparison.Ordinal);
        (code, _, error) = await Run("convert", recipe, "-o", target);
        Assert.Equal((ExitCodes.Failure, $"error: {target} is there already: name another file, or remove it.\n"), (code, error));
        (code, _, error) = await Run("convert", Path.Combine(folder.Path, "none.yaml"));
        Assert.Equal(ExitCodes.Failure, code);
        Assert.Contains("there is no such file", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("train")]
    [InlineData("plan")]
    [InlineData("graph")]
    [InlineData("report")]
    [InlineData("score")]
    [InlineData("generate")]
    [InlineData("convert")]
    public async Task RunAsync_Help_DescribesEveryOptionAndEndsWithAnExample(string command)
    {
        var (code, output, error) = await Run(command, "--help");
        Assert.Equal((ExitCodes.Success, ""), (code, error));
        Assert.Contains($"Example:\n  horizon {command} ", output, StringComparison.Ordinal);
        Assert.DoesNotContain("--verbose", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RunAsync_RootHelp_ListsTheCommands()
    {
        var (code, output, _) = await Run("--help");
        Assert.Equal(ExitCodes.Success, code);
        Assert.All(["train", "plan", "graph", "report", "generate"], name => Assert.Contains($"  {name} ", output, StringComparison.Ordinal));
    }

    [Fact]
    public async Task RunAsync_Version_IsAVersion()
    {
        var (code, output, _) = await Run("--version");
        Assert.Equal(ExitCodes.Success, code);
        Assert.Matches(@"^\d+\.\d+\.\d+", output);
    }

    private static async Task<(int Code, string Output, string Error)> Run(params string[] arguments)
    {
        var none = new Nothing();
        Command[] commands = [new TrainCommand(none, _ => throw new InvalidOperationException()), new PlanCommand(none), new GraphCommand(none), new DataCommand(none), new ReportCommand(), new ScoreCommand(), new ConvertCommand(), new GenerateCommand(none), new ChatCommand(none, TextReader.Null), new ServeCommand(none), new ExportCommand()];
        using var output = new StringWriter { NewLine = "\n" };
        using var error = new StringWriter { NewLine = "\n" };
        var code = await new HorizonCommandLine(commands).RunAsync(arguments, output, error);
        return (code, output.ToString(), error.ToString());
    }

    // Nothing here may get as far as being called.
    private sealed class Nothing : ITrainer, IPlanner, IGraphDrawer, IDataInspector, IGenerator, IServer
    {
        public Task RunAsync(ServeRequest request, Action<string> ready, Action<string> notice, CancellationToken stop) => throw new InvalidOperationException();

        public Task<ITrainingSession> OpenAsync(RunConfiguration configuration, bool resume, int traceSteps, IProgress<PhaseProgress> progress, RankPlace? place, CancellationToken cancellation) => throw new InvalidOperationException();

        public PlanReport Plan(RunConfiguration configuration, ByteSize? deviceMemory, ByteSize? hostMemory, int ranks, int machines, IProgress<DataProgress> progress) => throw new InvalidOperationException();

        public Task<MachineRates> ProbeAsync(RunConfiguration configuration, IProgress<PhaseProgress> progress) => throw new InvalidOperationException();

        public GraphDrawing Draw(RunConfiguration configuration, IReadOnlyDictionary<string, StageShares>? shares = null) => throw new InvalidOperationException();

        public DataReport Inspect(RunConfiguration configuration, int examples, IProgress<DataProgress> progress) => throw new InvalidOperationException();

        public IAsyncEnumerable<(int Prompt, GeneratedPiece Piece)> GenerateAsync(GenerateRequest request, Action<string> notice, CancellationToken cancellation) => throw new InvalidOperationException();

        public IAsyncEnumerable<GeneratedPiece?> ChatAsync(
            ModelFolders model, string? system, GenerationOptions options, IEnumerable<string> turns, Action<string> notice, CancellationToken cancellation) => throw new InvalidOperationException();
    }
}
