using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Horizon.Flow.Distributed.Tests")]
