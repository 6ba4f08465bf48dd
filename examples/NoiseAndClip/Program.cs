await Horizon.Examples.NoiseAndClipExample.RunAsync(Console.Out);
