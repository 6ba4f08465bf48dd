await Horizon.Examples.GradientNoiseExample.RunAsync(Console.Out);
