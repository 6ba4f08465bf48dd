await Horizon.Examples.HandWrittenLoopExample.RunAsync(Console.Out);
