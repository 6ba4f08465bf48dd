await Horizon.Examples.TimelineExample.RunAsync(Console.Out);
