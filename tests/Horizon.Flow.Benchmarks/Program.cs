using BenchmarkDotNet.Running;

// dotnet run -c Release --project tests/Horizon.Flow.Benchmarks -- --filter '*Update*'
BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
