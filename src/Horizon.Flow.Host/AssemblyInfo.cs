using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Horizon.Flow.Host.Tests")]
[assembly: InternalsVisibleTo("Horizon.Flow.Benchmarks")]
[assembly: InternalsVisibleTo("horizon-bench")]
