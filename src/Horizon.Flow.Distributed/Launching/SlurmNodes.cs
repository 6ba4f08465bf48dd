using System.Globalization;
using System.Text.RegularExpressions;

namespace Horizon.Flow.Distributed;

/// <summary>Slurm's short forms for lists of nodes and of tasks.</summary>
internal static partial class SlurmNodes
{
    /// <summary>The first of a list such as <c>gpu[08-11,20],login1</c>.</summary>
    public static string First(string list)
    {
        ArgumentNullException.ThrowIfNull(list);
        var match = FirstName().Match(list.Trim());
        if (!match.Success) throw new HorizonException($"SLURM_STEP_NODELIST is '{list}', in which no first node is found; set MASTER_ADDR to rank 0's machine");
        return match.Groups["prefix"].Value + match.Groups["first"].Value + match.Groups["suffix"].Value;
    }

    /// <summary>How many tasks a node has, from a list such as <c>8(x2),4</c>; null where it does not say.</summary>
    public static int? TasksHere(string? list, int node)
    {
        if (list is null) return null;
        foreach (var part in list.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            var match = Tasks().Match(part);
            if (!match.Success) return null;
            var nodes = match.Groups["nodes"].Success ? int.Parse(match.Groups["nodes"].Value, CultureInfo.InvariantCulture) : 1;
            if (node < nodes) return int.Parse(match.Groups["tasks"].Value, CultureInfo.InvariantCulture);
            node -= nodes;
        }

        return null;
    }

    [GeneratedRegex(@"^(?<prefix>[^,\[\]]+)(\[(?<first>\d+)[^\]]*\](?<suffix>[^,\[\]]*))?(,|$)")]
    private static partial Regex FirstName();

    [GeneratedRegex(@"^(?<tasks>\d{1,6})(\(x(?<nodes>\d{1,6})\))?$")]
    private static partial Regex Tasks();
}
