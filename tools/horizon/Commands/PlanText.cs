namespace Horizon.Flow.Cli;

/// <summary>A plan as lines of text, sizes in a column.</summary>
internal static class PlanText
{
    public static void Write(PlanReport plan, TextWriter output)
    {
        output.WriteLine(plan.Model);
        WriteMemory("device memory", plan.Device, output);
        WriteMemory("host memory", plan.Host, output);
        output.WriteLine();
        output.WriteLine(plan.Fits ? $"fits; what binds is {plan.Binds}" : $"does not fit: {plan.Binds}");
        if (plan.BestBatchSize is { } batch)
            output.WriteLine($"best training.batch_size: {batch}");
    }

    private static void WriteMemory(string name, MemoryBudget memory, TextWriter output)
    {
        var available = memory.Available is { } size ? $" of {size}" : "";
        output.WriteLine();
        output.WriteLine($"{name}: {memory.Needed}{available}");
        var width = memory.Parts.Select(part => part.Name.Length).DefaultIfEmpty().Max();
        foreach (var part in memory.Parts)
            output.WriteLine($"  {part.Name.PadRight(width)}  {part.Size,12}");
    }
}
