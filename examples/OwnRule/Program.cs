await Horizon.Examples.OwnRuleExample.RunAsync(Console.Out);
