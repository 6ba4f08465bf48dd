await Horizon.Examples.ComposeExample.RunAsync(Console.Out, args is [var folder] ? folder : "examples/quickstart");
