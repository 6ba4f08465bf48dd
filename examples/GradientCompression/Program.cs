await Horizon.Examples.GradientCompressionExample.RunAsync(Console.Out);
