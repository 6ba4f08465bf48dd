using System.Diagnostics;
using System.Runtime.InteropServices;
using Horizon.Flow.Cli.Tests.Runs;
using Horizon.Flow.Host.ModelFolders;

namespace Horizon.Flow.Cli.Tests.Commands;

/// <summary>The program as a process of its own.</summary>
public class ProcessTests
{
    [Fact]
    public async Task Help_ClosedPipe_EndsQuietly()
    {
        using var process = Start("--help");
        process.StandardOutput.Close();
        var error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.Equal((0, ""), (process.ExitCode, error));
    }

    /// <remarks>Not by SIGINT: where the tests run in the background of a script, it is ignored, and so it is by their children.</remarks>
    [Fact]
    public async Task Train_AskedToStop_StopsAtAStepBoundaryWritesTheModelAndSaysSo()
    {
        if (!OperatingSystem.IsLinux())
            return; // The signal is sent with kill(2).
        using var run = new RunFolder();
        var row = Enumerable.Range(0, 64).Select(id => (long)id).ToArray();
        run.WriteTokens("rows.jsonl", Enumerable.Repeat((row, row), 8));
        run.Write("run.yaml", $$"""
            model:    { path: {{RunFolder.Data("reference", "qwen3")}} }
            data:     { path: rows.jsonl, packing: false }
            training: { epochs: 1000000, max_steps: 0 }
            output:   { directory: out }
            device:   cpu
            """);
        using var process = Start("train", run.In("run.yaml"));
        var errors = process.StandardError.ReadToEndAsync();
        while (await process.StandardOutput.ReadLineAsync() is { } line && !line.StartsWith("step ", StringComparison.Ordinal))
            Assert.StartsWith("training Qwen3ForCausalLM", line, StringComparison.Ordinal);
        Assert.Equal(0, Kill(process.Id, 15));
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.Equal((ExitCodes.Terminated, "stopping after this step; once more to stop at once\n"), (process.ExitCode, await errors));
        var steps = run.Metrics().Count;
        Assert.Contains($"stopped after step {steps}: {steps} steps in", output, StringComparison.Ordinal);
        Assert.EndsWith($"model written to {run.Model}\ncheckpoint written to {run.In($"out/checkpoints/step-{steps}")}; --resume goes on from it\n", output, StringComparison.Ordinal);
        using var checkpoint = WeightFiles.Open(run.Model);
        Assert.NotEmpty(checkpoint.TensorNames);
    }

    /// <summary>A plan adds numbers up, and loads no libtorch for that.</summary>
    [Fact]
    public async Task Plan_OfLayersThatAutogradDerives_LoadsNoLibtorch()
    {
        using var run = new RunFolder();
        run.Write("config.json", """
            { "architectures": ["Gemma3ForCausalLM"], "model_type": "gemma3_text", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 32,
              "vocab_size": 128, "max_position_embeddings": 512, "rms_norm_eps": 1e-6, "rope_theta": 1000000.0, "rope_local_base_freq": 10000.0, "sliding_window": 128, "sliding_window_pattern": 2,
              "query_pre_attn_scalar": 32, "tie_word_embeddings": true, "hidden_activation": "gelu_pytorch_tanh" }
            """);
        run.Write("run.yaml", """
            model:    { path: ., init: random }
            data:     { sequence_length: 256 }
            training: { precision: fp32 }
            device:   cpu
            """);
        using var process = Start("plan", run.In("run.yaml"));
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        Assert.Equal((0, ""), (process.ExitCode, await error));
        Assert.Contains("work in hand", await output, StringComparison.Ordinal);
    }

    /// <summary>As on machines with other numbers of processors: what libtorch would choose there no longer matters.</summary>
    [Fact]
    public async Task Train_ResumedWhereLibtorchWouldTakeOtherThreads_GivesTheSameBits()
    {
        using var run = new RunFolder();
        run.WriteTokens("rows.jsonl", Enumerable.Range(0, 32).Select(row => Enumerable.Range(0, 200).Select(i => (long)(((row * 31) + (i * i * 7)) % 500)).ToArray()).Select(row => (row, row)));
        run.Write("run.yaml", $$"""
            model:      { path: {{RunFolder.Stories}} }
            data:       { path: rows.jsonl, packing: false }
            training:   { max_steps: 4, batch_size: 8, precision: fp32, cpu_threads: 3 }
            checkpoint: { every_steps: 2 }
            output:     { directory: out }
            device:     cpu
            """);
        await EndsWellAsync("2", "train", run.In("run.yaml"));
        var (model, metrics) = (run.ModelBytes(), run.LastingMetrics());
        Directory.Delete(run.Output, recursive: true);
        await EndsWellAsync("3", "train", run.In("run.yaml"), "--set", "training.max_steps=2");
        await EndsWellAsync("1", "train", run.In("run.yaml"), "--set", "training.cpu_threads=null", "--resume");
        Assert.Equal(metrics, run.LastingMetrics());
        Assert.Equal(model, run.ModelBytes());
    }

    /// <summary>The program starts with the plain runtime, and finds ASP.NET when it serves.</summary>
    [Fact]
    public async Task Serve_AskedToStop_AnsweredUntilThen()
    {
        if (!OperatingSystem.IsLinux())
            return; // The signal is sent with kill(2).
        Assert.DoesNotContain("AspNetCore", await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "horizon.runtimeconfig.json")), StringComparison.Ordinal);
        using var process = Start("serve", "--model", RunFolder.Stories, "--port", "0", "--name", "stories");
        var errors = process.StandardError.ReadToEndAsync();
        var line = await process.StandardOutput.ReadLineAsync();
        if (line is null) Assert.Fail(await errors);
        Assert.StartsWith("serving stories on http://127.0.0.1:", line, StringComparison.Ordinal);
        using (var http = new HttpClient())
        {
            var answer = await http.GetStringAsync(new Uri($"{line.Split(' ')[^1]}/models"));
            Assert.Contains("\"id\":\"stories\"", answer, StringComparison.Ordinal);
        }

        Assert.Equal(0, Kill(process.Id, 15));
        await process.WaitForExitAsync();
        Assert.Equal((ExitCodes.Terminated, "stopping; once more to stop at once\n"), (process.ExitCode, await errors));
    }

    /// <summary>A run whose answers come from our own server in a process of its own, which is handed the weights before every round; and one that finds it gone.</summary>
    [Fact]
    public async Task Train_AnswersOfAServer_LearnsWhatIsRewarded()
    {
        using var run = new RunFolder();
        run.Write("prompts.jsonl", string.Concat(((string[])["Tom was", "Lily was", "Mom was", "The boy was"]).Select(prompt => $$"""{"prompt": "{{prompt}}"}""" + "\n")));
        using var server = Start("serve", "--model", RunFolder.Stories, "--port", "0", "--name", "stories", "--allow-reload");
        try
        {
            var errors = server.StandardError.ReadToEndAsync();
            var line = await server.StandardOutput.ReadLineAsync();
            if (line is null) Assert.Fail(await errors);
            run.Write("run.yaml", $$"""
                model:    { path: {{RunFolder.Stories}} }
                data:     { path: prompts.jsonl }
                training: { batch_size: 16, max_steps: 4, precision: fp32, cpu_threads: 1, objective: { name: dapo } }
                rollouts: { prompts: 4, group: 16, max_tokens: 12, rewards: { contains: happy }, server: { url: {{line.Split(' ')[^1]}}, model: stories, patience: 1 } }
                optimizer: { learning_rate: 1e-3 }
                checkpoint: { every_steps: 2 }
                output:   { directory: out }
                device:   cpu
                """);
            var trained = await run.TrainAsync();
            Assert.Equal((ExitCodes.Success, ""), (trained.ExitCode, trained.Error));
            var passed = run.Metric("passed").ToList();
            Assert.True(passed[0] < 0.3 && passed[^1] > 0.5, string.Join(' ', passed));
            Assert.All(run.Metric("ratio"), ratio => Assert.Equal(1, ratio, 1e-6));
            // The weights that the last round was drawn with are those before its step.
            Assert.NotEqual(await File.ReadAllBytesAsync(run.In("out/policy/model.safetensors")), run.ModelBytes());
        }
        finally
        {
            server.Kill();
            await server.WaitForExitAsync();
        }

        var gone = await run.ResumeAsync("training.max_steps=5");
        Assert.Equal(ExitCodes.Failure, gone.ExitCode);
        Assert.Contains("that draws answers does not do it (", gone.Error, StringComparison.Ordinal);
        Assert.Contains("after 1 s of asking again; start it, or name another one", gone.Error, StringComparison.Ordinal);
    }

    private static async Task EndsWellAsync(string openMpThreads, params string[] arguments)
    {
        using var process = Start(arguments, ("OMP_NUM_THREADS", openMpThreads));
        var output = process.StandardOutput.ReadToEndAsync();
        var error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, await output + error);
    }

    private static Process Start(params string[] arguments) => Start(arguments, []);

    private static Process Start(IEnumerable<string> arguments, params IEnumerable<(string Name, string Value)> variables)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in variables) start.Environment[name] = value;
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "horizon.dll"));
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        return Process.Start(start)!;
    }

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int Kill(int process, int signal);
}
