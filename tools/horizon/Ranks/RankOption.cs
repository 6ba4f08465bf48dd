using System.CommandLine;
using Horizon.Flow.Devices;
using Horizon.Flow.Distributed;

namespace Horizon.Flow.Cli;

/// <summary><c>--gpus N</c> and <c>--ranks N</c>: how many ranks are started here; or which one this process is, where something else has started it.</summary>
internal sealed class RankOption
{
    private readonly Option<int?> _gpus = Count("--gpus", "Start so many ranks on this machine, one a GPU, which train one model together.");
    private readonly Option<int?> _ranks = Count("--ranks", "Start so many ranks on this machine, whatever the device: with device: cpu, to try things out.");

    /// <summary>Adds the options to a command.</summary>
    public RankOption(Command command)
    {
        command.Options.Add(_gpus);
        command.Options.Add(_ranks);
    }

    /// <summary>Which ranks to start on this machine: as many as was asked for, or as the variables of a TrainJob say, among those of other machines; null where neither is.</summary>
    /// <exception cref="HorizonException">Both options were given, and differ, or the ranks were started already.</exception>
    public NodePlace? ToStart(ParseResult parse)
    {
        var (gpus, ranks) = (parse.GetValue(_gpus), parse.GetValue(_ranks));
        if (gpus is not null && ranks is not null && gpus != ranks) throw new HorizonException($"--gpus {gpus} and --ranks {ranks} contradict each other; give one of them");
        var count = gpus ?? ranks;
        if (RankEnvironment.ReadNode(() => Math.Max(1, CudaDevice.Count)) is { } node) return count is null ? node : node with { Ranks = count.Value };
        if (count is null) return null;
        if (RankEnvironment.Read() is { } place) throw new HorizonException($"this is rank {place.Rank} of {place.Count} already, as its variables say; leave --gpus and --ranks out under torchrun, srun or mpirun");
        return new NodePlace(0, 1, count.Value, "localhost", LocalRanks.AnyPort);
    }

    private static Option<int?> Count(string name, string description)
    {
        var option = new Option<int?>(name) { Description = description, HelpName = "N" };
        option.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && int.TryParse(result.Tokens[0].Value, out var count) && count is < 1 or > 1024) result.AddError($"{name} {count} is out of range; give 1 to 1024.");
        });
        return option;
    }
}
