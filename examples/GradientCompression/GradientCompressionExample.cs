using Horizon.Flow;

namespace Horizon.Examples;

/// <summary>Something on the edge from download to update: 8-bit gradients with error feedback.</summary>
public static class GradientCompressionExample
{
    /// <summary>What <see cref="RunAsync"/> shows.</summary>
    public sealed record Shown(Outcome Plain, Outcome PassThrough, Outcome Compressed, EightBitCompressor Compressor);

    /// <summary>Trains without, with a function that changes nothing, and with compression.</summary>
    public static async Task<Shown> RunAsync(TextWriter output, int steps = 30)
    {
        // <snippet>
        var plan = TrainingPlan.For(Tiny.Model, Tiny.Options);
        var compressor = new EightBitCompressor();
        var compressed = plan.At(Stages.Download).InsertAfter("compress", compressor.RoundTrip);
        // </snippet>
        var passThrough = plan.At(Stages.Download).InsertAfter("change nothing", gradient => gradient);

        var shown = new Shown(
            await Outcome.OfAsync(plan, steps).ConfigureAwait(false),
            await Outcome.OfAsync(passThrough, steps).ConfigureAwait(false),
            await Outcome.OfAsync(compressed, steps).ConfigureAwait(false),
            compressor);
        await output.WriteLineAsync($"{compressor.BytesBefore:N0} bytes of gradients became {compressor.BytesAfter:N0}: {(double)compressor.BytesBefore / compressor.BytesAfter:F2} times less").ConfigureAwait(false);
        await output.WriteLineAsync($"loss {shown.Plain.Reports[0].Loss:F3} -> {shown.Compressed.LastLoss:F4} compressed, {shown.Plain.LastLoss:F4} plain").ConfigureAwait(false);
        await output.WriteLineAsync($"a stage that changes nothing leaves the run bitwise equal: {shown.Plain.IsBitwise(shown.PassThrough)}").ConfigureAwait(false);
        return shown;
    }
}
