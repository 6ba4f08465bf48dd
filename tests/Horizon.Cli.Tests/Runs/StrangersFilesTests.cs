using System.Diagnostics;
using System.Runtime.Versioning;
using Horizon.Flow.Tests.Hostile;

namespace Horizon.Flow.Cli.Tests.Runs;

/// <summary>Runs over model and output folders that somebody else has made: nothing outside them is read, written or waited for.</summary>
public sealed class StrangersFilesTests : IDisposable
{
    private readonly RunFolder _run = new();
    private readonly string _model;

    public StrangersFilesTests()
    {
        _model = _run.CopyModel(RunFolder.Data("reference", "qwen2-tied"));
        _run.WriteTokens("rows.jsonl", Enumerable.Range(0, 4).Select(row => (Enumerable.Range(row, 8).Select(i => (long)i).ToArray(), Enumerable.Range(row, 8).Select(i => (long)i).ToArray())));
        _run.Write("run.yaml", $$"""
            model:      { path: {{_model}} }
            data:       { path: rows.jsonl, packing: false }
            training:   { batch_size: 1, max_steps: 2, precision: fp32 }
            checkpoint: { every_steps: 1 }
            output:     { directory: out }
            device:     cpu
            """);
    }

    public void Dispose() => _run.Dispose();

    /// <summary>What would be copied after the training is looked at before it.</summary>
    [Theory]
    [InlineData("vocab.json", "pipe")]
    [InlineData("LICENSE", "secret")]
    [InlineData("tokenizer.model", "/dev/zero")]
    [InlineData("config.json", "secret")]
    [InlineData("model.safetensors", "secret")]
    public async Task Train_ModelFileThatIsNone_IsRefusedByNameBeforeTheFirstStep(string name, string kind)
    {
        var file = Path.Combine(_model, name);
        var secret = _run.Write("secret", "secret");
        if (File.Exists(file)) File.Move(file, secret, overwrite: true);
        if (kind == "pipe") SpecialFile.Pipe(file);
        else File.CreateSymbolicLink(file, kind == "secret" ? secret : kind);
        var run = await _run.TrainAsync();
        Assert.Equal(ExitCodes.Failure, run.ExitCode);
        Assert.StartsWith($"error: {file} ", run.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_run.Model));
    }

    [Theory]
    [InlineData("model")]
    [InlineData("metrics.jsonl")]
    [InlineData("stages.json")]
    [InlineData(".lock")]
    public async Task Train_LinkInTheOutputFolder_IsRefusedAndNotFollowed(string name)
    {
        var kept = _run.Write("elsewhere/model.safetensors", "kept");
        Directory.CreateDirectory(_run.Output);
        File.CreateSymbolicLink(Path.Combine(_run.Output, name), name.Contains('.', StringComparison.Ordinal) ? kept : Path.GetDirectoryName(kept)!);
        var run = await _run.TrainAsync();
        Assert.Equal(ExitCodes.Failure, run.ExitCode);
        Assert.Contains($"{Path.Combine(_run.Output, name)} is a link, to ", run.Error, StringComparison.Ordinal);
        Assert.Equal("kept", File.ReadAllText(Assert.Single(Directory.GetFileSystemEntries(Path.GetDirectoryName(kept)!))));
    }

    /// <summary>Checkpoints may lie on another disk; what lies beside them there is nobody's to touch.</summary>
    [Fact]
    public async Task Train_CheckpointsFolderIsALink_WritesThereAndTouchesNothingElse()
    {
        var kept = _run.Write("elsewhere/step-1/data.bin", "kept");
        var elsewhere = Path.GetDirectoryName(Path.GetDirectoryName(kept))!;
        Directory.CreateDirectory(_run.Output);
        Directory.CreateSymbolicLink(Path.Combine(_run.Output, "checkpoints"), elsewhere);
        var run = await _run.TrainAsync("checkpoint.every_steps=1", "checkpoint.keep=1");
        Assert.Equal(ExitCodes.Success, run.ExitCode);
        Assert.Contains("is no checkpoint: 'data.bin' lies in it", run.Output + run.Error, StringComparison.Ordinal);
        Assert.Equal("kept", File.ReadAllText(kept));
        Assert.Contains(Directory.GetDirectories(elsewhere), folder => File.Exists(Path.Combine(folder, "manifest.json")));
    }

    [Fact]
    public async Task Train_CheckpointsIsALinkToAFile_IsRefused()
    {
        Directory.CreateDirectory(_run.Output);
        File.CreateSymbolicLink(Path.Combine(_run.Output, "checkpoints"), _run.Write("elsewhere.txt", "kept"));
        var run = await _run.TrainAsync();
        Assert.Contains("checkpoints is a link, to ", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Resume_CheckpointUnderAnotherName_IsToldAndTheTrueOneTaken()
    {
        Assert.Equal(ExitCodes.Success, (await _run.TrainAsync()).ExitCode);
        var checkpoints = Path.Combine(_run.Output, "checkpoints");
        Directory.Move(Path.Combine(checkpoints, "step-2"), Path.Combine(checkpoints, "step-900"));
        var run = await _run.ResumeAsync();
        Assert.Equal((ExitCodes.Success, ""), (run.ExitCode, run.Error));
        Assert.Contains("step-900 holds the state of step 2, which its name contradicts", run.Output, StringComparison.Ordinal);
        Assert.Contains($"going on from {Path.Combine(checkpoints, "step-1")}\n", run.Output, StringComparison.Ordinal);
        Assert.Equal([1, 2], _run.Metrics().Select(line => line.GetProperty("step").GetInt32()));
    }

    /// <summary>Read-only files of a model are nobody's secret; what a run writes is as secret as the umask says.</summary>
    [Fact]
    [UnsupportedOSPlatform("windows")]
    public async Task Train_StrictUmask_HoldsForEveryFile()
    {
        File.WriteAllText(Path.Combine(_model, "LICENSE"), "free");
        foreach (var file in Directory.GetFiles(_model)) File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead);
        var start = new ProcessStartInfo(
            "sh", ["-c", "umask 077; exec \"$0\" \"$1\" train \"$2\"", Environment.ProcessPath!, Path.Combine(AppContext.BaseDirectory, "horizon.dll"), _run.In("run.yaml")])
        { RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, await output + await error);
        string[] written = [.. Directory.EnumerateFiles(_run.Output, "*", SearchOption.AllDirectories)];
        Assert.Contains(Path.Combine(_run.Model, "LICENSE"), written);
        Assert.All(written, file => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file)));
    }
}
