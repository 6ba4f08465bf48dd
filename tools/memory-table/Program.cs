using Horizon.Flow.MemoryTable;

// Measures a run's resident memory beside what the plan predicts: memory-table [ROW...]. See README.md.
if (args is ["child", var row, var folder])
{
    await RowRun.RunAsync(MemoryRow.Named(row), folder, Console.Out);
    return 0;
}

var unknown = args.Where(name => !MemoryRow.All.Any(one => one.Name == name)).ToList();
if (unknown.Count > 0)
{
    Console.Error.WriteLine($"memory-table: there is no row {string.Join(", ", unknown)}; there are {string.Join(", ", MemoryRow.All.Select(one => one.Name))}");
    return 2;
}

return TableCommand.Run(args.Length > 0 ? [.. args.Select(MemoryRow.Named)] : MemoryRow.All);
