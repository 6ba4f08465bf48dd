using System.CommandLine;
using Horizon.Flow.Bench;

// Checks and measures: horizon-bench device|check|step|kernels|layers|graph|host|memory|ranks|fp8|plan. See docs/benchmarks.
return await new RootCommand("Checks and measures Horizon.Flow on this machine.")
{
    DeviceVerb.Create(), CheckVerb.Create(), StepVerb.Create(), KernelsVerb.Create(), LayersVerb.Create(), GraphVerb.Create(), HostVerb.Create(), MemoryVerb.Create(), RanksVerb.Create(), Fp8Verb.Create(), PlanVerb.Create(),
}.Parse(args).InvokeAsync();
