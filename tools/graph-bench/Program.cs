using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.NoEmit;
using Horizon.Flow.GraphBench;

// What the graph itself costs: `graph-bench share` for the quickstart model, anything else goes to BenchmarkDotNet (for instance --filter '*').
if (args is ["share"])
{
    await QuickstartShare.PrintAsync(Console.Out);
    return;
}

// In process: a generated project of BenchmarkDotNet's would not find libtorch.
var config = DefaultConfig.Instance.AddJob(Job.ShortRun.WithToolchain(InProcessNoEmitToolchain.Instance));
BenchmarkSwitcher.FromAssembly(typeof(StageBenchmark).Assembly).Run(args, config);
