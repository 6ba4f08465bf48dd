using Horizon.Flow.Host.Store;
using Horizon.Flow.Runs.Loading;
using Horizon.Flow.Runs.Sections;
using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Text.Data;

namespace Horizon.Flow.Runs.Tests.Loading;

public sealed class ConfigurationLoaderTests : IDisposable
{
    // The whole contract, as DESIGN.md section 6 prints it, with paths that the fixture makes.
    private const string Contract = """
        model:      { path: model, init: random }
        data:       { path: data.txt, format: text, sequence_length: 256, packing: true, shuffle: true, train_on_prompt: false }
        training:   { batch_size: 8, gradient_accumulation: 1, max_steps: 200, epochs: 1, seed: 42,
                      precision: bf16, max_grad_norm: 1.0, recompute_interval: 1 }
        optimizer:  { name: adamw, learning_rate: 1e-4, betas: [0.9, 0.95], eps: 1e-8, weight_decay: 0.1 }
        schedule:   { name: cosine, warmup_steps: 0, min_learning_rate: 0 }
        evaluation: { path: held-out.txt, every_steps: 0 }
        checkpoint: { every_steps: 0, keep: 2 }
        output:     { directory: out }
        device:     cpu
        pipeline:   { device_buffers: 2, gradient_slabs: 4 }
        """;

    private readonly TemporaryFolder _folder = new();

    public ConfigurationLoaderTests()
    {
        Directory.CreateDirectory(Path.Combine(_folder.Path, "model"));
        _folder.Write("data.txt", "some text");
        _folder.Write("held-out.txt", "other text");
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Load_WholeContract_BindsEveryKey()
    {
        var expected = new RunConfiguration
        {
            Model = new() { Path = In("model"), Init = ModelInit.Random },
            Data = new() { Path = In("data.txt"), Format = DataFormat.Text, SequenceLength = 256 },
            Training = new() { MaxSteps = 200, Epochs = 1 },
            Optimizer = new() { Betas = [0.9, 0.95] },
            Schedule = new() { Name = "cosine" },
            Evaluation = new() { Path = In("held-out.txt") },
            Output = new() { Directory = In("out") },
            Device = "cpu",
        };
        Assert.Equal(expected, Load(Contract));
        Assert.Equal(TrainingPrecision.Bf16, expected.Training.Precision);
    }

    [Fact]
    public void Load_RequiredKeysAlone_HasTheContractsDefaults()
    {
        var expected = Load(Contract) with
        {
            Model = new() { Path = In("model") },
            Data = new() { Path = In("data.txt") },
            Training = new(),
            Optimizer = new(),
            Schedule = new(),
            Evaluation = new(),
            Device = "auto",
        };
        Assert.Equal(expected, Load("{ model: { path: model }, data: { path: data.txt }, output: { directory: out } }"));
    }

    /// <summary>A list of paths is the same as sets of these paths.</summary>
    [Fact]
    public void Load_ListOfPaths_IsThoseSets()
    {
        var loaded = Load("{ model: { path: model }, data: { path: [data.txt, held-out.txt] }, output: { directory: out } }");
        Assert.Equal(Load("{ model: { path: model }, data: { sets: [ { path: data.txt }, { path: held-out.txt } ] }, output: { directory: out } }"), loaded);
        Assert.Equal([In("data.txt"), In("held-out.txt")], loaded.Data.Sets.Select(set => set.Path));
        var both = Assert.Throws<HorizonException>(() => Load("{ model: { path: model }, data: { path: [data.txt], sets: [ { path: data.txt } ] }, output: { directory: out } }"));
        Assert.Contains("data.path is a list, which is the same as data.sets, and that stands here too", both.Message, StringComparison.Ordinal);
        Assert.Contains("data.sets[0].path is", Assert.Throws<HorizonException>(() => Load("{ model: { path: model }, data: { path: [no.txt] }, output: { directory: out } }")).Message, StringComparison.Ordinal);
        Assert.Contains("evaluation.path is a list", Assert.Throws<HorizonException>(() => Load(Contract, "evaluation.path=[data.txt]")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_RelativePathInSet_IsRelativeToWorkingDirectory()
    {
        var loaded = Load(Contract, "output.directory=some/where");
        Assert.Equal(Path.Combine(Environment.CurrentDirectory, "some/where"), loaded.Output.Directory);
    }

    [Theory]
    [InlineData("optimizer.learning_rate=1.0e-5", 1e-5)]
    [InlineData("optimizer.learning_rate=1e-4", 1e-4)]
    [InlineData("optimizer.learning_rate=.5", 0.5)]
    [InlineData("optimizer.learning_rate=3", 3)]
    public void Load_WaysToWriteANumber_Bind(string assignment, double expected) =>
        Assert.Equal(expected, Load(Contract, assignment).Optimizer.LearningRate);

    [Fact]
    public void Load_ListsAndGroupsAndNulls_Bind()
    {
        var loaded = Load(Contract, "optimizer.betas=[0.9, 0.99]", "training.freeze=[embed, 'layers.1*']", "training.max_steps=1_000",
            "training.max_grad_norm=null", "optimizer.groups=[{pattern: '*norm*', weight_decay: 0}, {pattern: head, learning_rate_factor: 0.5}]");
        Assert.Equal<IEnumerable<double>>([0.9, 0.99], loaded.Optimizer.Betas!);
        Assert.Equal<IEnumerable<string>>(["embed", "layers.1*"], loaded.Training.Freeze);
        Assert.Equal(1000, loaded.Training.MaxSteps);
        Assert.Null(loaded.Training.MaxGradNorm);
        Assert.Equal<IEnumerable<OptimizerGroup>>(
            [new() { Pattern = "*norm*", WeightDecay = 0 }, new() { Pattern = "head", LearningRateFactor = 0.5 }], loaded.Optimizer.Groups);
    }

    [Fact]
    public void Load_KeySetTwice_LastCounts() =>
        Assert.Equal(3, Load(Contract, "training.batch_size=2", "training.batch_size=3").Training.BatchSize);

    [Fact]
    public void Load_WrongValueMendedBySet_Loads() =>
        Assert.Equal(1e-3, Load(Contract.Replace("1e-4", "abc", StringComparison.Ordinal), "optimizer.learning_rate=1e-3").Optimizer.LearningRate);

    [Theory]
    [InlineData("training: { batchsize: 4 }", "run.yaml:1: unknown key 'training.batchsize'; the nearest known key is 'training.batch_size'.")]
    [InlineData("\n\ntraining:\n  learning_rate: 1", "run.yaml:4: unknown key 'training.learning_rate'; the nearest known key is 'optimizer.learning_rate'.")]
    [InlineData("report_to: wandb", "run.yaml:1: unknown key 'report_to', which is another tool's: nothing reports to a service; metrics.jsonl has every step, and 'horizon report' draws it.")]
    [InlineData("training: { lora_r: 8 }", "run.yaml:1: unknown key 'training.lora_r', which is another tool's: here it is 'training.adapter.rank'.")]
    [InlineData("checkpoint: { save_total_limit: 3 }", "run.yaml:1: unknown key 'checkpoint.save_total_limit', which is another tool's: here it is 'checkpoint.keep'.")]
    [InlineData("training: { warmup_ratio: 0.1 }", "run.yaml:1: unknown key 'training.warmup_ratio'; the nearest known key is 'schedule.warmup_ratio'.")]
    [InlineData("trainig: {}", "run.yaml:1: unknown key 'trainig'; the nearest known key is 'training'.")]
    [InlineData("optimizer: { groups: [ { patern: x, pattern: y } ] }", "run.yaml:1: unknown key 'optimizer.groups[0].patern'; the nearest known key is 'optimizer.groups[0].pattern'.")]
    [InlineData("optimizer:\n  learning_rate: abc", "run.yaml:2: optimizer.learning_rate is 'abc'; it should be a finite number such as 0.1 or 1e-4.")]
    [InlineData("optimizer:\n  learning_rate: .nan", "run.yaml:2: optimizer.learning_rate is '.nan'; it should be a finite number such as 0.1 or 1e-4.")]
    [InlineData("optimizer:\n  learning_rate: 1e999", "run.yaml:2: optimizer.learning_rate is '1e999'; it should be a finite number such as 0.1 or 1e-4.")]
    [InlineData("training: { batch_size: 1.5 }", "run.yaml:1: training.batch_size is '1.5'; it should be a whole number.")]
    [InlineData("training: { batch_size: 99999999999 }", "run.yaml:1: training.batch_size is '99999999999'; it should be a whole number.")]
    [InlineData("training: { batch_size: [1] }", "run.yaml:1: training.batch_size is a list; it should be a whole number.")]
    [InlineData("training: { batch_size: }", "run.yaml:1: training.batch_size is empty; it should be a whole number.")]
    [InlineData("data: { cache: true }", "run.yaml:1: data.cache is 'true'; it should be a path, or false; leave it out for the default.")]
    [InlineData("data: { cache: False }", "run.yaml:1: data.cache is 'False'; it should be a path, or false; leave it out for the default.")]
    [InlineData("data: { packing: yes }", "run.yaml:1: data.packing is 'yes'; it should be true or false.")]
    [InlineData("data: { format: json }", "run.yaml:1: data.format is 'json'; it should be one of auto, text, alpaca, sharegpt, messages, tokens, pairs.")]
    [InlineData("training: { precision: 1 }", "run.yaml:1: training.precision is '1'; it should be one of fp32, bf16.")]
    [InlineData("training: 3", "run.yaml:1: training needs keys of its own, such as batch_size; it has '3'.")]
    [InlineData("- a", "run.yaml:1: a configuration needs keys of its own, such as model; it has a list.")]
    [InlineData("training: { freeze: embed }", "run.yaml:1: training.freeze is 'embed'; it should be a list such as [a, b].")]
    [InlineData("optimizer: { name: adam }", "run.yaml:1: optimizer.name is 'adam'; it should be one of adafactor, adamw, adamw8bit, lion, muon, sgd.")]
    [InlineData("schedule: { name: Cosine }", "run.yaml:1: schedule.name is 'Cosine'; it should be one of constant, linear, cosine, cosine_with_restarts, polynomial, inverse_sqrt, wsd.")]
    [InlineData("device: gpu", "run.yaml:1: device is 'gpu'; it should be auto, cpu, cuda (of several ranks each takes its own), or cuda:N with the number of a GPU, such as cuda:0.")]
    [InlineData("training: { batch_size: 0 }", "run.yaml:1: training.batch_size is 0; it should be 1 or more.")]
    [InlineData("optimizer: { betas: [0.9] }", "run.yaml:1: optimizer.betas is [0.9]; it should be two numbers, each at least 0 and less than 1.")]
    [InlineData("optimizer: { learning_rate: 0 }", "run.yaml:1: optimizer.learning_rate is 0; it should be more than 0.")]
    [InlineData("schedule: { min_learning_rate: 1 }", "run.yaml:1: schedule.min_learning_rate is 1; it should be no more than optimizer.learning_rate, which is 0.0001.")]
    [InlineData("evaluation: { every_steps: 5 }", "run.yaml:1: evaluation.every_steps is 5; it should be 0 as long as neither evaluation.path nor evaluation.fraction gives data to evaluate on.")]
    [InlineData("data: { train_on: each }\nevaluation: { fraction: 0.1 }", "run.yaml:2: evaluation.fraction is 0.1; it should be 0 where data.train_on is each, since parts of one conversation would be held out and trained on: give evaluation.path.")]
    [InlineData("data: { train_on: last, train_on_prompt: true }", "run.yaml:1: data.train_on is last; it should be answers or all where data.train_on_prompt is true.")]
    [InlineData("data: { date: today }", "run.yaml:1: data.date is 'today'; it should be a date such as 2026-01-31.")]
    [InlineData("evaluation: { fraction: 1 }", "run.yaml:1: evaluation.fraction is 1; it should be at least 0 and less than 1.")]
    [InlineData("optimizer: { groups: [ { weight_decay: 0 } ] }", "run.yaml: optimizer.groups[0].pattern is missing; set it to a parameter name or pattern.")]
    public void Load_WrongKeyOrValue_SaysWhereWhatAndTheMend(string yaml, string expected) =>
        Assert.Contains(expected, Refused(yaml).Message.Split('\n'));

    [Theory]
    [InlineData("model: { path: a", "run.yaml:1: this is not YAML")]
    [InlineData("a: 1\nb: [1,\nc: 2\nd: 3\n", "run.yaml:2: this is not YAML; a bracket")]
    [InlineData("a: 1\n b: 2", "run.yaml:2: this is not YAML")]
    [InlineData("device: cpu\ndevice: auto", "run.yaml:2: the key 'device' stands here for a second time")]
    [InlineData("a: &x [1]\nb: *x", "run.yaml:1: &x is an anchor")]
    [InlineData("device: !secret x", "run.yaml:1: !secret is a tag")]
    [InlineData("device: cpu\n---\ndevice: cpu", "run.yaml:2: a second document begins here")]
    [InlineData("? [a]\n: b", "run.yaml:1: a list or a section stands where a key should")]
    public void Load_UnusableYaml_NamesFileAndLine(string yaml, string expected) =>
        Assert.StartsWith(expected, Refused(yaml).Message, StringComparison.Ordinal);

    [Fact]
    public void Load_DeepNesting_IsRefusedAtOnce() =>
        Assert.Contains("levels", Refused("device: " + new string('[', 100_000)).Message, StringComparison.Ordinal);

    [Fact]
    public void Load_HugeFile_IsRefused()
    {
        var path = _folder.Write("run.yaml", new string('#', 5 << 20));
        Assert.Contains("larger than a configuration", Assert.Throws<HorizonException>(() => ConfigurationLoader.Load(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_SeveralProblems_NamesAllOfThem()
    {
        var lines = Refused("training: { batch_size: 0, epochs: x, sede: 1 }").Message.Split('\n');
        Assert.Equal(
            [
                "run.yaml:1: training.epochs is 'x'; it should be a whole number.",
                "run.yaml:1: unknown key 'training.sede'; the nearest known key is 'training.seed'.",
                "run.yaml: model.path is missing; set it to a Hugging Face model folder.",
                "run.yaml: data.path is missing; set it to a file or folder to train on.",
                "run.yaml: output.directory is missing; set it to a folder for the model and the metrics.",
                "run.yaml:1: training.batch_size is 0; it should be 1 or more.",
            ],
            lines);
    }

    [Fact]
    public void Load_PathsThatLeadNowhere_AreNamed()
    {
        var message = Assert.Throws<HorizonException>(() => Load(Contract, "model.path=/no/model", "data.path=/no/data", "output.directory=" + In("data.txt"))).Message;
        Assert.Contains("model.path is '/no/model'; it should be a folder that exists.", message, StringComparison.Ordinal);
        Assert.Contains("data.path is '/no/data'; it should be a file or folder that exists.", message, StringComparison.Ordinal);
        Assert.Contains("a file of that name is in the way", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("training.batchsize=4", "--set training.batchsize=4: unknown key 'training.batchsize'; the nearest known key is 'training.batch_size'.")]
    [InlineData("training", "--set training: write it as key.path=value, for instance --set training.batch_size=4.")]
    [InlineData("training.batch_size=0", "--set training.batch_size=0: training.batch_size is 0; it should be 1 or more.")]
    [InlineData("training.batch_size=[", "--set training.batch_size=[: this is not YAML")]
    public void Load_BadSet_NamesIt(string assignment, string expected) =>
        Assert.StartsWith(expected, Assert.Throws<HorizonException>(() => Load(Contract, assignment)).Message, StringComparison.Ordinal);

    [Fact]
    public void Load_MissingFile_SaysSo() => Assert.Equal(
        "The configuration no-such.yaml cannot be read: there is no such file.",
        Assert.Throws<HorizonException>(() => ConfigurationLoader.Load("no-such.yaml")).Message);

    [Fact]
    public void Load_NotUtf8_SaysSo()
    {
        var path = Path.Combine(_folder.Path, "run.yaml");
        File.WriteAllBytes(path, [0xFF, 0xFE, 0x00, 0xC3]);
        Assert.EndsWith("is not UTF-8 text.", Assert.Throws<HorizonException>(() => ConfigurationLoader.Load(path)).Message, StringComparison.Ordinal);
    }

    private string In(string name) => Path.Combine(_folder.Path, name);

    private RunConfiguration Load(string yaml, params string[] overrides) => ConfigurationLoader.Load(_folder.Write("run.yaml", yaml), overrides);

    private static HorizonException Refused(string yaml) =>
        Assert.Throws<HorizonException>(() => ConfigurationLoader.Parse(yaml, "run.yaml", "/"));
}
