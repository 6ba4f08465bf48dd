namespace Horizon.Examples.Tests;

/// <summary>Tests that look at the whole process: nothing runs beside them.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone
{
}
