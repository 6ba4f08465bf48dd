await Horizon.Examples.FreezingExample.RunAsync(Console.Out);
