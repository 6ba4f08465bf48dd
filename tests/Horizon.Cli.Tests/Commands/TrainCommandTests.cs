using Horizon.Flow.Cli.Tests.Printing;
using Horizon.Flow.Cli.Tests.Progress;
using Horizon.Flow.Graph;
using Horizon.Flow.Runs.Session;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Cli.Tests.Commands;

public sealed class TrainCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public TrainCommandTests()
    {
        _folder.Write("data.txt", "text");
        _folder.Write("run.yaml", $"{{ model: {{ path: {_folder.Path} }}, data: {{ path: data.txt }}, output: {{ directory: out }} }}");
    }

    private string Config => Path.Combine(_folder.Path, "run.yaml");

    private string Out => Path.Combine(_folder.Path, "out");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Train_AllSteps_WritesMetricsSavesAndSaysWhere()
    {
        var trainer = new ScriptedTrainer { Events = [Events.Step(1), new TrainingEvent.Evaluated(1, 2), Events.Step(2, skipped: true)] };
        var run = await Train(trainer, "--set", "training.batch_size=3");
        Assert.Equal((ExitCodes.Success, ""), (run.ExitCode, run.Error));
        Assert.Contains("done after step 2: 2 steps in", run.Output, StringComparison.Ordinal);
        Assert.Contains("1 steps were skipped", run.Output, StringComparison.Ordinal);
        Assert.EndsWith("model written to /out/model\n", run.Output, StringComparison.Ordinal);
        Assert.Equal(3, File.ReadAllLines(Path.Combine(Out, "metrics.jsonl")).Length);
        Assert.Equal((3, false, true, true), (trainer.Configuration!.Training.BatchSize, trainer.Resume, trainer.Saved, trainer.Disposed));
    }

    /// <summary>The signal came to another rank alone: what follows from it is the same here.</summary>
    [Fact]
    public async Task Train_StoppedByAnotherRank_SaysSoAndIsNoSuccess()
    {
        var run = await Train(new ScriptedTrainer { Events = [Events.Step(1), Events.Step(2)], IsStoppedElsewhere = true });
        Assert.Equal((ExitCodes.Terminated, ""), (run.ExitCode, run.Error));
        Assert.Contains("stopped after step 2: 2 steps in", run.Output, StringComparison.Ordinal);
        Assert.EndsWith("checkpoint written to /out/checkpoints/step-2; --resume goes on from it\n", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Train_Resumed_KeepsTheEarlierMetrics()
    {
        _folder.Write("out/metrics.jsonl", "{\"step\":1}\n{\"step\":2}\n{\"step\":3}\n");
        var trainer = new ScriptedTrainer { FirstStep = 3, Events = [Events.Step(3), Events.Step(4)] };
        Assert.Equal(ExitCodes.Success, (await Train(trainer, "--resume")).ExitCode);
        Assert.True(trainer.Resume);
        Assert.Equal(["{\"step\":1}", "{\"step\":2}"], File.ReadAllLines(Path.Combine(Out, "metrics.jsonl"))[..2]);
        Assert.Equal(4, File.ReadAllLines(Path.Combine(Out, "metrics.jsonl")).Length);
    }

    /// <summary>The terminal has gone, or standard output lies on a full disk.</summary>
    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public async Task Train_NothingCanBePrinted_GoesOnSavesAndSaysSoInTheMetrics(bool isOutputGone, bool isErrorGone)
    {
        var trainer = new ScriptedTrainer { Events = [Events.Step(1), new TrainingEvent.Noticed("notice"), Events.Step(2)] };
        using var output = new StringWriter();
        using var broken = new BrokenWriter();
        using TextWriter error = isErrorGone ? new BrokenWriter() : new StringWriter();
        var program = new HorizonCommandLine([Command(trainer)]);
        var code = await program.RunAsync(["train", Config], isOutputGone ? broken : output, error);
        Assert.Equal((ExitCodes.Success, true), (code, trainer.Saved));
        var metrics = File.ReadAllLines(Path.Combine(Out, "metrics.jsonl"));
        Assert.Equal(2, metrics.Count(line => line.Contains("\"loss\"", StringComparison.Ordinal)));
        if (isOutputGone)
            Assert.Single(metrics, line => line.Contains("\"notice\":\"the run cannot be shown any more, and goes on: Input/output error\"", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Train_TextOfModelsAndFiles_IsSpelledOut()
    {
        var trainer = new ScriptedTrainer { Events = [new TrainingEvent.Noticed("sample: \u001b]0;x\u0007\nerror: none")] };
        var run = await Train(trainer);
        Assert.Contains("sample: \\u001b]0;x\\u0007\\u000aerror: none", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Train_ErrorOfTheUsers_IsOneLineAndLeavesNoFolder()
    {
        var run = await Train(new ScriptedTrainer { OpenError = new HorizonException("model.safetensors is cut off at byte 12.") });
        Assert.Equal((ExitCodes.Failure, "", "error: model.safetensors is cut off at byte 12.\n"), (run.ExitCode, run.Output, run.Error));
        Assert.False(Directory.Exists(Out));
    }

    [Fact]
    public async Task Train_ErrorInsideARun_IsReportedAndNothingIsSaved()
    {
        var fault = new AggregateException(new InvalidOperationException("block", new HorizonException("The disk is full.")));
        var trainer = new ScriptedTrainer { Events = [Events.Step(1)], RunError = fault };
        var run = await Train(trainer);
        Assert.Equal((ExitCodes.Failure, "error: The disk is full.\n"), (run.ExitCode, run.Error));
        Assert.Equal((false, true), (trainer.Saved, trainer.Disposed));
    }

    [Theory]
    [InlineData(true, ExitCodes.Failure, "error: stage 'update' failed: The disk is full.\n")]
    [InlineData(false, ExitCodes.Bug, "error: InvalidOperationException: stage 'update' failed: The disk is full.\nthis is a bug; run with --verbose for the stack\n")]
    public async Task Train_ErrorInAStage_KeepsWhereItHappened(bool mendable, int code, string error)
    {
        Exception cause = mendable ? new HorizonException("The disk is full.") : new InvalidOperationException("The disk is full.");
        var run = await Train(new ScriptedTrainer { RunError = StageException.InForeignBlock("update", null, cause) });
        Assert.Equal((code, error), (run.ExitCode, run.Error));
    }

    [Fact]
    public async Task Train_UnexpectedError_SaysItIsABug()
    {
        var run = await Train(new ScriptedTrainer { OpenError = new InvalidOperationException("odd\nthing") });
        Assert.Equal(ExitCodes.Bug, run.ExitCode);
        Assert.Equal("error: InvalidOperationException: odd thing\nthis is a bug; run with --verbose for the stack\n", run.Error);
    }

    [Fact]
    public async Task Train_UnexpectedErrorVerbose_ShowsTheStack()
    {
        var run = await Train(new ScriptedTrainer { OpenError = new InvalidOperationException("odd") }, "--verbose");
        Assert.Equal(ExitCodes.Bug, run.ExitCode);
        Assert.Contains(nameof(TrainCommand), run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Train_SeveralProblems_IsALineEach()
    {
        var run = await Train(new ScriptedTrainer(), "--set", "training.batch_size=0", "--set", "training.epochs=0");
        Assert.Equal(ExitCodes.Failure, run.ExitCode);
        Assert.Equal(
            "error: --set training.batch_size=0: training.batch_size is 0; it should be 1 or more.\n" +
            "error: --set training.epochs=0: training.epochs is 0; it should be 1 or more.\n", run.Error);
    }

    [Fact]
    public async Task Train_OutputBelowAFile_IsRefusedBeforeLoading()
    {
        var trainer = new ScriptedTrainer();
        var run = await Train(trainer, "--set", $"output.directory={Config}/out");
        Assert.Equal(ExitCodes.Failure, run.ExitCode);
        Assert.StartsWith($"error: output.directory '{Config}/out' cannot be written", run.Error, StringComparison.Ordinal);
        Assert.Null(trainer.Configuration);
    }

    /// <summary>What trains is a run; a model, or a folder of something else, is told apart from it.</summary>
    [Fact]
    public async Task Train_AModelOrAFolder_SaysWhatToGive()
    {
        using var folder = new TemporaryFolder();
        folder.Write("model/config.json", "{}");
        var model = Path.Combine(folder.Path, "model");
        foreach (var (given, error) in new[]
        {
            (model, $"error: {model} is a model; write the run's YAML file, with model: {{ path: {model} }} and data: {{ path: … }}, and give that.\n"),
            (folder.Path, $"error: The configuration {folder.Path} cannot be read: it is a folder; give the run's YAML file.\n"),
        })
        {
            var run = await CommandHarness.RunAsync(Command(new ScriptedTrainer()), "train", given);
            Assert.Equal((1, error), (run.ExitCode, run.Error));
        }
    }

    [Fact]
    public async Task Train_NoSuchConfiguration_IsOneLine()
    {
        var run = await CommandHarness.RunAsync(Command(new ScriptedTrainer()), "train", "missing.yaml");
        Assert.Equal((1, "error: The configuration missing.yaml cannot be read: there is no such file.\n"), (run.ExitCode, run.Error));
    }

    internal static TrainCommand Command(ITrainer trainer) =>
        new(trainer, output => new PlainProgress(output, new ManualTimeProvider(), TimeSpan.Zero));

    private Task<CommandHarness> Train(ITrainer trainer, params string[] arguments) =>
        CommandHarness.RunAsync(Command(trainer), ["train", Config, .. arguments]);
}
