await Horizon.Examples.LowRankGradientsExample.RunAsync(Console.Out);
