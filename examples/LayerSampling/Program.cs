await Horizon.Examples.LayerSamplingExample.RunAsync(Console.Out);
