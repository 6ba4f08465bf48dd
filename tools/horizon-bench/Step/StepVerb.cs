using System.CommandLine;
using Horizon.Flow.Blocks;
using Horizon.Flow.Units;

namespace Horizon.Flow.Bench;

/// <summary><c>step</c>: training steps beside the floor of the machine.</summary>
internal static class StepVerb
{
    public static Command Create()
    {
        var (device, limit, shape, batch, sequence) = (Verb.Device(), Verb.Limit(), Verb.Shape(), Verb.Batch(), Verb.Sequence());
        var layers = new Option<int?>("--layers") { Description = "Another number of layers." };
        var documents = new Option<int>("--documents") { Description = "So many documents of 16 to --seq tokens, log-uniform, in one row, in the place of full rows." };
        var parts = new Option<int>("--parts") { Description = "Units that hold the experts of a layer beside its own; 1 for none, 0 for as many as the program chooses.", DefaultValueFactory = _ => 1 };
        var steps = new Option<int>("--steps") { Description = "Steps, warm-up included.", DefaultValueFactory = _ => 5 };
        var warmup = new Option<int>("--warmup") { Description = "First steps that do not count.", DefaultValueFactory = _ => 2 };
        var precision = new Option<string>("--precision") { Description = "bf16, fp32 or fp8.", DefaultValueFactory = _ => "bf16" };
        var scaling = new Option<Fp8Scaling>("--fp8-scaling") { Description = "Which numbers share a scale." };
        var format = new Option<Fp8Format>("--fp8-gradients") { Description = "The format of gradients in fp8.", DefaultValueFactory = _ => new Fp8Options().Gradients };
        var fast = new Option<bool>("--fp8-fast") { Description = "Gradients in fp8 are summed in fewer bits." };
        var tapes = new Option<bool>("--fp8-tapes") { Description = "Whether kept layers hold gate and up in fp8: true or false.", DefaultValueFactory = _ => new Fp8Options().Fp8Tapes };
        var optimizer = new Option<string>("--optimizer") { Description = "The update rule.", DefaultValueFactory = _ => "adamw" };
        var clip = new Option<double>("--clip") { Description = "Largest gradient norm; 0 for no clipping.", DefaultValueFactory = _ => 1.0 };
        var interval = new Option<int>("--interval") { Description = "Recompute interval.", DefaultValueFactory = _ => 1 };
        var accumulation = new Option<int>("--accumulation") { Description = "Micro-batches of a step.", DefaultValueFactory = _ => 1 };
        var buffers = new Option<int>("--buffers") { Description = "Device weight buffers.", DefaultValueFactory = _ => 2 };
        var gradients = new Option<int>("--gradient-buffers") { Description = "Device gradient buffers.", DefaultValueFactory = _ => 2 };
        var slabs = new Option<int>("--slabs") { Description = "Gradient slabs where one a unit is not needed.", DefaultValueFactory = _ => 4 };
        var weightsFirst = new Option<double[]>("--weights-first")
        {
            Description = "The share of the parameters whose weights are updated before their optimizer's state, with clipping: 0 to 1. Several are run one after another with one store.",
            DefaultValueFactory = _ => [0],
            AllowMultipleArgumentsPerToken = true,
        };
        var threads = new Option<int>("--threads") { Description = "Host threads.", DefaultValueFactory = _ => Environment.ProcessorCount };
        var noFloor = new Option<bool>("--no-floor") { Description = "Leaves the floor out." };
        var operators = new Option<string>("--operators") { Description = "fused (the device's own), eager (libtorch's), single (the device's own without grouped products of experts) or flash (without its kernel of attention's backward).", DefaultValueFactory = _ => "fused" };
        var zeros = new Option<bool>("--send-zeros") { Description = "Gradients of experts without tokens travel as the others do." };
        var layer = new Option<string>("--layer") { Description = "explicit or autograd: how the layers' backward comes about.", DefaultValueFactory = _ => "explicit" };
        precision.AcceptOnlyFromAmong("bf16", "fp32", "fp8");
        optimizer.AcceptOnlyFromAmong([.. UpdateRules.Names]);
        operators.AcceptOnlyFromAmong("fused", "eager", "single", "flash");
        layer.AcceptOnlyFromAmong("explicit", "autograd");
        var activations = new Option<string>("--activations") { Description = "auto (what fits), recompute, keep (all), keep:N (the last N layers), narrow and narrow:N (of these what is narrow), offload (all) or offload:N (the first N).", DefaultValueFactory = _ => "auto" };
        var deterministic = new Option<bool>("--deterministic") { Description = "Whether two runs give the same bits: true or false.", DefaultValueFactory = _ => true };
        var timeline = new Option<string?>("--timeline") { Description = "Writes every span of the last steps to this file; of several shares to one each." };
        var picture = new Option<string?>("--picture") { Description = "Draws the last step but one as an SVG." };
        var csv = new Option<bool>("--csv") { Description = "Prints the result also as comma-separated values." };
        var command = new Command("step", "Times training steps of a model with random weights, beside the floor of the machine.")
        {
            device, limit, shape, layers, parts, batch, sequence, documents, steps, warmup, precision, scaling, format, fast, tapes, optimizer, clip, interval, accumulation, buffers, gradients, slabs, weightsFirst, threads, noFloor, operators, zeros, layer, activations, deterministic, timeline, picture, csv,
        };
        command.SetAction((arguments, _) => Verb.GuardAsync(report => StepCommand.RunAsync(
            new StepSettings
            {
                Device = arguments.GetValue(device)!,
                Limit = TimeSpan.FromSeconds(arguments.GetValue(limit)),
                Shape = arguments.GetValue(shape)!,
                Layers = arguments.GetValue(layers),
                Parts = arguments.GetValue(parts),
                Batch = arguments.GetValue(batch),
                Sequence = arguments.GetValue(sequence),
                Documents = arguments.GetValue(documents),
                Steps = arguments.GetValue(steps),
                WarmUp = arguments.GetValue(warmup),
                Precision = arguments.GetValue(precision)!,
                Fp8 = arguments.GetValue(precision) == "fp8" ? new Fp8Options { Scaling = arguments.GetValue(scaling), Gradients = arguments.GetValue(format), FastGradients = arguments.GetValue(fast), Fp8Tapes = arguments.GetValue(tapes) } : null,
                Optimizer = arguments.GetValue(optimizer)!,
                Clip = arguments.GetValue(clip),
                Interval = arguments.GetValue(interval),
                Accumulation = arguments.GetValue(accumulation),
                DeviceBuffers = arguments.GetValue(buffers),
                GradientBuffers = arguments.GetValue(gradients),
                Slabs = arguments.GetValue(slabs),
                WeightsFirst = arguments.GetValue(weightsFirst)!,
                Threads = arguments.GetValue(threads),
                Floor = !arguments.GetValue(noFloor),
                EagerOperators = arguments.GetValue(operators) == "eager",
                SingleExperts = arguments.GetValue(operators) == "single",
                FlashRows = arguments.GetValue(operators) == "flash",
                SendsZeros = arguments.GetValue(zeros),
                AutogradLayers = arguments.GetValue(layer) == "autograd",
                Activations = arguments.GetValue(activations)!,
                Deterministic = arguments.GetValue(deterministic),
                Timeline = arguments.GetValue(timeline),
                Picture = arguments.GetValue(picture),
                Csv = arguments.GetValue(csv),
            },
            report)));
        return command;
    }
}
