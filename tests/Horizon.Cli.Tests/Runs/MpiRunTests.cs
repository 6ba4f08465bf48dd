using System.Diagnostics;
using Horizon.Flow.Distributed;

namespace Horizon.Flow.Cli.Tests.Runs;

/// <summary>Ranks that mpirun starts, over MPI's collectives: the bits of ranks over their own connections, and an end where one goes.</summary>
public sealed class MpiRunTests : IDisposable
{
    private const string OpenMpi = "mpirun.openmpi";
    private const string Mpich = "mpirun.mpich";

    private static readonly TimeSpan Hang = TimeSpan.FromMinutes(3);

    private readonly RunFolder _run = new();

    public MpiRunTests()
    {
        _run.WriteTokens("rows.jsonl", Enumerable.Range(0, 11).Select(Row));
        _run.Write("run.yaml", $$"""
            model:      { path: {{RunFolder.Data("reference", "qwen2-tied")}} }
            data:       { path: rows.jsonl, packing: false }
            training:   { batch_size: 1, gradient_accumulation: 6, epochs: 99, max_steps: 5, precision: bf16, cpu_threads: 1 }
            optimizer:  { name: muon, learning_rate: 1e-3 }
            checkpoint: { every_steps: 2 }
            output:     { directory: out, overwrite: true }
            device:     cpu
            """);
    }

    public void Dispose() => _run.Dispose();

    [MpiFact(OpenMpi)]
    public Task Train_OverOpenMpi_HasTheBitsOfRanksOverTcp() => TrainAsync(OpenMpi);

    [MpiFact(Mpich)]
    public Task Train_OverMpich_HasTheBitsOfRanksOverTcp() => TrainAsync(Mpich);

    /// <summary>Each rank for itself, as where an mpirun of another library starts them.</summary>
    [MpiFact(OpenMpi)]
    public async Task Train_OverMpiWithoutItsLauncher_SaysWhatToStart()
    {
        var (code, _, error) = await RunAsync("dotnet", [Program, "train", _run.In("run.yaml"), "--ranks", "2", "--set", "pipeline.collectives=mpi"]);
        Assert.Equal(ExitCodes.Failure, code);
        Assert.Contains("start the ranks with the mpirun of that library (mpirun -n 2 horizon train …), or set pipeline.collectives: auto", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Train_OnOneProcessWithMpi_SaysThatThisHasNoEffect()
    {
        var (code, output, _) = await _run.RunAsync(["train", _run.In("run.yaml"), "--set", "pipeline.collectives=mpi", "--set", "training.max_steps=1"]);
        Assert.Equal(ExitCodes.Success, code);
        Assert.Contains("pipeline.collectives: mpi has no effect on one process; start several with mpirun", output, StringComparison.Ordinal);
    }

    private static string Program => Path.Combine(AppContext.BaseDirectory, "horizon.dll");

    private async Task TrainAsync(string launcher)
    {
        var (code, output, error) = await RunAsync("dotnet", [Program, "train", _run.In("run.yaml"), "--ranks", "3"]);
        Assert.True(code == ExitCodes.Success, output + error);
        var (model, metrics) = (_run.ModelBytes(), _run.LastingMetrics());
        Directory.Delete(_run.Output, recursive: true);
        (code, output, error) = await RunAsync(launcher, ["-n", "3", "dotnet", Program, "train", _run.In("run.yaml"), "--set", "pipeline.collectives=mpi"]);
        Assert.True(code == ExitCodes.Success, output + error);
        Assert.Equal(2, output.Split("training Qwen2ForCausalLM").Length); // said once
        Assert.Equal(metrics, _run.LastingMetrics());
        Assert.Equal(model, _run.ModelBytes());
    }

    private static async Task<(int ExitCode, string Output, string Error)> RunAsync(string program, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(program) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        using var port = FreePort.Take();
        start.Environment["MASTER_PORT"] = $"{port.Number}";
        start.Environment["OMP_NUM_THREADS"] = "1";
        // More ranks than cores, and in containers as root.
        start.Environment["OMPI_ALLOW_RUN_AS_ROOT"] = start.Environment["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1";
        start.Environment["OMPI_MCA_rmaps_base_oversubscribe"] = start.Environment["OMPI_MCA_mpi_yield_when_idle"] = "1";
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync().WaitAsync(Hang);
        await process.WaitForExitAsync().WaitAsync(Hang);
        return (process.ExitCode, output, await error);
    }

    private static (long[] Ids, long[] Labels) Row(int row)
    {
        var ids = Enumerable.Range(0, 6 + row).Select(place => (long)(1 + (((row * 7) + (place * place * 3)) % 50))).ToArray();
        return (ids, ids);
    }
}
