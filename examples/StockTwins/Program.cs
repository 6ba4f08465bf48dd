await Horizon.Examples.StockTwinsExample.RunAsync(Console.Out);
