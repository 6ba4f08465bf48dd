await Horizon.Examples.CustomLossExample.RunAsync(Console.Out);
