using System.CommandLine;
using System.Diagnostics;
using System.Text.RegularExpressions;
using Horizon.Flow.Runs.Loading;
using YamlDotNet.RepresentationModel;

namespace Horizon.Flow.Cli.Tests.Runs;

/// <summary>examples/deploy as far as it can be checked without a cluster: the scripts run with stand-ins for the launchers, and what they start is what the program takes.</summary>
public sealed partial class DeployTests : IDisposable
{
    private readonly RunFolder _run = new();

    public DeployTests()
    {
        _run.Write("run.yaml", $"model: {{ path: {RunFolder.Stories} }}\ndata: {{ path: text.txt }}\noutput: {{ directory: out }}\n");
        _run.Write("text.txt", "Once upon a time.");
    }

    public void Dispose() => _run.Dispose();

    [Theory]
    [InlineData("torchrun.sh", "torchrun", "--no_python --nproc_per_node gpu --nnodes 1 --node_rank 0 --master_addr localhost --master_port 29500 --max_restarts 3")]
    [InlineData("train.sbatch", "srun", "--kill-on-bad-exit=0 --cpu-bind=cores")]
    public async Task Script_WithAStandInForItsLauncher_StartsWhatTheProgramTakes(string script, string launcher, string options)
    {
        if (!OperatingSystem.IsLinux())
            return; // The launchers' system.
        _run.Write(launcher, "#!/bin/sh\necho \"$@\"\n");
        File.SetUnixFileMode(_run.In(launcher), UnixFileMode.UserRead | UnixFileMode.UserExecute);
        var start = new ProcessStartInfo("/bin/sh", [Deploy(script), _run.In("run.yaml")]) { RedirectStandardOutput = true };
        start.Environment["PATH"] = $"{_run.Path}:/usr/bin:/bin";
        using var process = Process.Start(start)!;
        var line = (await process.StandardOutput.ReadToEndAsync()).Trim();
        await process.WaitForExitAsync();
        Assert.Equal(0, process.ExitCode);
        Assert.StartsWith(options + " horizon train ", line, StringComparison.Ordinal);
        RequireAccepted(line[(line.IndexOf("horizon ", StringComparison.Ordinal) + "horizon ".Length)..].Split(' '));
    }

    [Fact]
    public void TrainJob_ReadAsYaml_StartsWhatTheProgramTakes()
    {
        var root = TrainJob();
        Assert.Equal(("trainer.kubeflow.org/v1alpha1", "TrainJob", "torch-distributed"), (Text(root["apiVersion"]), Text(root["kind"]), Text(root["spec"]["runtimeRef"]["name"])));
        var command = ((YamlSequenceNode)root["spec"]["trainer"]["command"]).Select(Text).ToArray();
        Assert.Equal("horizon", command[0]);
        RequireAccepted([.. command[1..].Select(word => word == "/shared/run.yaml" ? _run.In("run.yaml") : word)]);
        Assert.Equal(Text(root["spec"]["trainer"]["numProcPerNode"]), Text(root["spec"]["trainer"]["resourcesPerNode"]["limits"]["nvidia.com/gpu"]));
    }

    /// <summary>
    /// Every field is one that the API has, and a whole number where it wants one: those of Kubeflow Trainer's types after release 2.2 (trainjob_types.go of commit 0015772), read on 2026-11-26.
    /// An API server refuses others, or leaves them out without a word.
    /// </summary>
    [Fact]
    public void TrainJob_Fields_AreThoseOfItsApi()
    {
        const string Patch = "spec.runtimePatches.trainingRuntimeSpec.template", Job = Patch + ".spec.replicatedJobs", Pod = Job + ".template.spec.template";
        Dictionary<string, string[]> fields = new()
        {
            [""] = ["apiVersion", "kind", "metadata", "spec"],
            ["metadata"] = ["name", "namespace", "labels", "annotations"],
            ["spec"] = ["runtimeRef", "initializer", "trainer", "runtimePatches", "suspend", "activeDeadlineSeconds", "managedBy"],
            ["spec.runtimeRef"] = ["name", "apiGroup", "kind"],
            ["spec.trainer"] = ["image", "command", "args", "env", "numNodes", "resourcesPerNode", "numProcPerNode"],
            ["spec.trainer.resourcesPerNode"] = ["limits", "requests", "claims"],
            ["spec.runtimePatches"] = ["manager", "time", "trainingRuntimeSpec"],
            ["spec.runtimePatches.trainingRuntimeSpec"] = ["template"],
            [Patch] = ["metadata", "spec"],
            [Patch + ".spec"] = ["replicatedJobs"],
            [Job] = ["name", "template"],
            [Job + ".template"] = ["metadata", "spec"],
            [Job + ".template.spec"] = ["template"],
            [Pod] = ["metadata", "spec"],
            [Pod + ".spec"] = ["serviceAccountName", "volumes", "initContainers", "containers", "imagePullSecrets", "securityContext", "nodeSelector", "affinity", "tolerations", "schedulingGates"],
            [Pod + ".spec.containers"] = ["name", "env", "volumeMounts", "securityContext"],
            [Pod + ".spec.containers.volumeMounts"] = ["name", "readOnly", "recursiveReadOnly", "mountPath", "subPath", "mountPropagation", "subPathExpr"],
            [Pod + ".spec.volumes"] = ["name", "persistentVolumeClaim"],
            [Pod + ".spec.volumes.persistentVolumeClaim"] = ["claimName", "readOnly"],
        };
        var root = TrainJob();
        Require(root, "");
        Assert.Matches("^[a-z]([-a-z0-9]*[a-z0-9])?$", Text(root["metadata"]["name"]));
        foreach (var number in (string[])["numNodes", "numProcPerNode"]) Assert.True(int.Parse(Text(root["spec"]["trainer"][number]), System.Globalization.CultureInfo.InvariantCulture) > 0);
        // The runtime's job and container, by the names that the torch plugin looks for; a variable of its own would be refused.
        var job = root["spec"]["runtimePatches"][0]["trainingRuntimeSpec"]["template"]["spec"]["replicatedJobs"][0];
        Assert.Equal(("node", "node"), (Text(job["name"]), Text(job["template"]["spec"]["template"]["spec"]["containers"][0]["name"])));

        void Require(YamlNode node, string path)
        {
            if (node is YamlSequenceNode list)
                foreach (var item in list) Require(item, path);
            if (node is not YamlMappingNode map || path == "spec.trainer.resourcesPerNode.limits") return;
            foreach (var (key, value) in map)
            {
                Assert.Contains(Text(key), fields[path]);
                Require(value, path.Length == 0 ? Text(key) : $"{path}.{Text(key)}");
            }
        }
    }

    /// <summary>Options that sbatch has, as its manual lists them; another one would fail only on a cluster.</summary>
    [Fact]
    public void Sbatch_Options_AreThoseOfItsManual()
    {
        string[] known = ["job-name", "nodes", "ntasks-per-node", "gpus-per-node", "cpus-per-task", "exclusive", "signal", "requeue"];
        var given = Option().Matches(File.ReadAllText(Deploy("train.sbatch"))).Select(match => match.Groups["name"].Value).ToList();
        Assert.NotEmpty(given);
        Assert.Subset(known.ToHashSet(), given.ToHashSet());
    }

    private static YamlNode TrainJob()
    {
        var yaml = new YamlStream();
        yaml.Load(new StringReader(File.ReadAllText(Deploy("trainjob.yaml"))));
        return yaml.Documents.Single().RootNode;
    }

    private static string Deploy(string name) => Path.Combine(Root(), "examples", "deploy", name);

    private static string Root()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Horizon.Flow.sln"))) folder = Path.GetDirectoryName(folder)!;
        return folder;
    }

    private static string Text(YamlNode node) => ((YamlScalarNode)node).Value!;

    private static void RequireAccepted(string[] arguments)
    {
        Assert.Empty(new RootCommand { new TrainCommand(new Trainer(), TrainingProgress.For) }.Parse(arguments).Errors);
        var settings = arguments.Zip(arguments.Skip(1)).Where(pair => pair.First == "--set").Select(pair => pair.Second).ToList();
        Assert.Equal("cuda", ConfigurationLoader.Load(arguments[1], settings).Device);
    }

    [GeneratedRegex(@"^#SBATCH --(?<name>[a-z-]+)", RegexOptions.Multiline)]
    private static partial Regex Option();
}
