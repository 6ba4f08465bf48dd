await Horizon.Examples.GenericHostExample.RunAsync(Console.Out);
