using System.CommandLine;
using Horizon.Flow.Host.Memory;

namespace Horizon.Flow.Bench;

/// <summary><c>plan</c>: what <c>horizon plan</c> predicts beside what real runs use and take.</summary>
internal static class PlanVerb
{
    /// <summary>The hidden verb of the processes that run one setting each.</summary>
    public const string Child = "setting";

    /// <summary>The hidden verb of the process that makes a smaller card of this one.</summary>
    public const string Holder = "hold";

    public static Command Create()
    {
        var names = new Argument<string[]>("setting") { Description = $"Of {string.Join(", ", PlanSetting.All.Select(one => one.Name))}; all of the device by default.", Arity = ArgumentArity.ZeroOrMore };
        names.AcceptOnlyFromAmong([.. PlanSetting.All.Select(one => one.Name)]);
        var (device, limit) = (Verb.Device(), Verb.Limit());
        var lines = new Option<string?>("--lines") { Description = "A file that gets all that was seen of each setting as a line of JSON." };
        var memory = new Option<string?>("--predict") { Description = "Run nothing: print what is planned for a GPU with so much memory." };
        var command = new Command("plan", "Runs settings of models, rows, precisions and cards, and prints what the plan predicts for each beside what it took.") { names, device, limit, lines, memory };
        command.SetAction((arguments, _) => Verb.GuardAsync(async () =>
        {
            var (where, some, predicted) = (arguments.GetValue(device)!, arguments.GetValue(names) ?? [], arguments.GetValue(memory));
            List<PlanSetting> settings = [.. some.Length > 0 ? some.Select(PlanSetting.Named) : PlanSetting.All.Where(one => one.IsFor(predicted is null ? where : "auto"))];
            return predicted is null ? await PlanTable.RunAsync(settings, where, arguments.GetValue(limit), arguments.GetValue(lines)) : PlanTable.Predict(settings, ByteSize.Parse(predicted));
        }));
        command.Subcommands.Add(ChildCommand());
        command.Subcommands.Add(HolderCommand());
        return command;
    }

    private static Command ChildCommand()
    {
        var (name, folder, device) = (new Argument<string>("name"), new Argument<string>("folder"), Verb.Device());
        var child = new Command(Child) { name, folder, device };
        child.Hidden = true;
        child.SetAction((arguments, _) => Verb.GuardAsync(async () =>
        {
            await PlanRun.RunAsync(PlanSetting.Named(arguments.GetValue(name)!), arguments.GetValue(folder)!, arguments.GetValue(device)!, Console.Out);
            return 0;
        }));
        return child;
    }

    private static Command HolderCommand()
    {
        var (gibibytes, device) = (new Argument<int>("gibibytes"), Verb.Device());
        var holder = new Command(Holder) { gibibytes, device };
        holder.Hidden = true;
        holder.SetAction((arguments, _) => Verb.GuardAsync(() => Task.FromResult(PlanHolder.Hold(arguments.GetValue(device)!, arguments.GetValue(gibibytes)))));
        return holder;
    }
}
