using System.Globalization;
using System.Text.RegularExpressions;

namespace Horizon.Packages.Tests;

/// <summary>A fresh project outside the repository that has our packages from a folder and is told nothing else.</summary>
[Collection(nameof(PackageFeed))]
public partial class ConsumerTests(PackageFeed feed)
{
    private static readonly string Quickstart = Path.Combine(Repository.Root, "examples", "quickstart");

    [Fact]
    public async Task Build_ReadmesProgram_TrainsTheQuickstartsModel()
    {
        var project = WriteCompose("Consumer");
        await feed.DotNet.RunAsync(project, "dotnet", "build", "-c", "Release", "-v", "quiet");
        Assert.True(Directory.Exists(feed.In($"cache/horizon.flow/{feed.Version}"))); // from the feed
        var program = Path.Combine(project, "bin", "Release", "net10.0", "Consumer.dll");
        Assert.Empty(Directory.GetFiles(Path.GetDirectoryName(program)!, "*torch_cpu.*", SearchOption.AllDirectories));
        AssertLearns(await feed.DotNet.RunAsync(feed.In(""), "dotnet", program, Quickstart));
        Assert.Empty(Directory.GetFiles(feed.In("temporary"), "*LibTorchSharp*", SearchOption.AllDirectories)); // the mended copy
    }

    [Fact]
    public async Task Publish_ReadmesProgram_RunsFromAnyFolderWithoutThePackages()
    {
        var project = WriteCompose("Published");
        await feed.DotNet.RunAsync(project, "dotnet", "publish", "-c", "Release", "-v", "quiet", "-o", feed.In("elsewhere"));
        Directory.Delete(project, recursive: true);
        Assert.Single(Directory.GetFiles(feed.In("elsewhere"), "*torch_cpu.*"));
        Assert.All(
            Directory.GetFiles(feed.In("elsewhere"), "*.json"),
            file => Assert.DoesNotContain(Repository.PackageCache, File.ReadAllText(file), StringComparison.Ordinal));
        AssertLearns(await feed.DotNet.RunAsync(feed.In(""), "dotnet", Path.Combine(feed.In("elsewhere"), "Published.dll"), Quickstart));
    }

    [Fact]
    public async Task Build_WithCudasPackages_LinksTheirFilesIntoOneFolder()
    {
        if (!OperatingSystem.IsLinux()) return;
        await CudaPackages.WriteAsync(feed);
        var project = feed.WriteProject("Cuda", "System.Console.WriteLine();", ("Horizon.Flow.Models", feed.Version), ("TorchSharp-cuda-linux", feed.Version));
        await feed.DotNet.RunAsync(project, "dotnet", "build", "-c", "Release", "-v", "quiet");
        var settings = File.ReadAllText(Path.Combine(project, "bin", "Release", "net10.0", "Cuda.runtimeconfig.dev.json"));
        var folder = Path.Combine(project, "obj", "Release", "net10.0", $"libtorch-{feed.Version}");
        Assert.Contains($"\"Horizon.LibTorch\": \"{folder}\"", settings, StringComparison.Ordinal);
        Assert.Equal(["libtorch_cpu.so", "libtorch_cuda.so"], Directory.GetFiles(folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.All(CudaPackages.Files, file => Assert.Equal(file, File.ReadAllText(Path.Combine(folder, file))));
        Assert.DoesNotContain("libtorch", File.ReadAllText(Path.Combine(project, "bin", "Release", "net10.0", "Cuda.deps.json")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("gpu", "HorizonTorch is 'gpu': use cpu, cuda, or external with the variable HORIZON_LIBTORCH naming a folder with libtorch.")]
    [InlineData("cuda", "HorizonTorch is 'cuda', but no package of this project brings libtorch with CUDA for ")]
    public async Task Build_ChoiceThatCannotBe_IsAnErrorThatNamesTheMend(string choice, string message)
    {
        var project = feed.WriteProject($"Wrong{choice}", "System.Console.WriteLine();", ("Horizon.Flow.Models", feed.Version));
        var (exitCode, output) = await feed.DotNet.TryAsync(project, "dotnet", "build", "-v", "quiet", $"-p:HorizonTorch={choice}");
        Assert.NotEqual(0, exitCode);
        Assert.Contains(message, output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Build_External_NamesNoFolder()
    {
        var project = feed.WriteProject("External", "System.Console.WriteLine(Horizon.Flow.Native.NativeTorch.Load());", ("Horizon.Flow.Models", feed.Version));
        await feed.DotNet.RunAsync(project, "dotnet", "build", "-c", "Release", "-v", "quiet", "-p:HorizonTorch=external");
        var (exitCode, output) = await feed.DotNet.TryAsync(project, "dotnet", Path.Combine("bin", "Release", "net10.0", "External.dll"));
        Assert.NotEqual(0, exitCode);
        Assert.Contains("libtorch was not found", output, StringComparison.Ordinal);
        Assert.Contains("HORIZON_LIBTORCH is not set", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Install_Tool_TrainsTheQuickstart()
    {
        await feed.DotNet.RunAsync(
            feed.In(""), "dotnet", "tool", "install", "horizon", "--tool-path", feed.In("tools"), "--version", feed.Version, "--add-source", feed.Folder);
        var output = await feed.DotNet.RunAsync(
            feed.In(""), Path.Combine(feed.In("tools"), "horizon"), "train", Path.Combine(Quickstart, "quickstart.yaml"), "--set", "training.max_steps=2",
            "--set", "evaluation.every_steps=0", "--set", $"output.directory={feed.In("run")}", "--set", "device=cpu");
        Assert.Contains("done after step 2", output, StringComparison.Ordinal);
        Assert.True(File.Exists(feed.In("run/model/model.safetensors")));
    }

    /// <summary>The program of the README, which <c>examples/Compose</c> holds, in a project of its own.</summary>
    private string WriteCompose(string name)
    {
        var example = Path.Combine(Repository.Root, "examples", "Compose");
        var project = feed.WriteProject(
            name, File.ReadAllText(Path.Combine(example, "Program.cs")), ("Horizon.Flow.Models", feed.Version), ("Horizon.Flow.Text", feed.Version));
        File.Copy(Path.Combine(example, "ComposeExample.cs"), Path.Combine(project, "ComposeExample.cs"));
        return project;
    }

    private static void AssertLearns(string output)
    {
        var losses = Loss().Matches(output).Select(match => double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture)).ToList();
        Assert.Equal(10, losses.Count);
        Assert.True(losses[^1] < losses[0], output);
    }

    [GeneratedRegex(@"^step \d+  loss (\d+\.\d+)", RegexOptions.Multiline)]
    private static partial Regex Loss();
}
