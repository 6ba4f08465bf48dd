await Horizon.Examples.TestingABlockExample.CheckAsync();
await Console.Out.WriteLineAsync("the block keeps the contract of a stage");
