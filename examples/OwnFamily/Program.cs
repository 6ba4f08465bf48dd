await Horizon.Examples.OwnFamilyExample.RunAsync(Console.Out);
