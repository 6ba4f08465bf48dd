await Horizon.Examples.CustomOptimizerExample.RunAsync(Console.Out);
