using System.CommandLine;
using Horizon.Flow.Soak;

// Runs for hours what the tests run for seconds: horizon-soak steps|starts|collect|plans|kill|fuzz. Exit 1 where something is not as it must be.
var root = new RootCommand("Looks for what only many steps, starts, kills or files show.") { KillVerb.Create(), FuzzVerb.Create() };
foreach (var verb in LongVerbs.Create()) root.Subcommands.Add(verb);
return await root.Parse(args).InvokeAsync();
