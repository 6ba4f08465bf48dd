await Horizon.Examples.DistillationExample.RunAsync(Console.Out);
