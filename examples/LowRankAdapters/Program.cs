await Horizon.Examples.LowRankAdaptersExample.RunAsync(Console.Out);
