await Horizon.Examples.AveragedWeightsExample.RunAsync(Console.Out);
