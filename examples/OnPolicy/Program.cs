await Horizon.Examples.OnPolicyExample.RunAsync(Console.Out, args is [var folder] ? folder : "examples/quickstart");
