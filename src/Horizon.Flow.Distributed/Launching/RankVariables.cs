using System.Globalization;

namespace Horizon.Flow.Distributed;

/// <summary>The variables of a process, and sentences about those that are missing or wrong.</summary>
internal sealed class RankVariables(Func<string, string?> variable)
{
    public bool Has(string name) => !string.IsNullOrWhiteSpace(variable(name));

    public string? Or(string name, string? other) => Has(name) ? variable(name)!.Trim() : other;

    public string Text(string name, string by) => Or(name, null) ?? throw Missing(name, by);

    public int Number(string name, string by, int? other = null)
    {
        if (Or(name, null) is not { } text) return other ?? throw Missing(name, by);
        return int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number
            : throw new HorizonException($"{name} is '{text}', which is no number; {by} set it: start the processes with one of them, or unset it");
    }

    private static HorizonException Missing(string name, string by) =>
        new($"{name} is not set, though other variables of {by} are: start the processes with one of them, or set all of RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR and MASTER_PORT");
}
