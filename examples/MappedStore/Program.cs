await Horizon.Examples.MappedStoreExample.RunAsync(Console.Out);
