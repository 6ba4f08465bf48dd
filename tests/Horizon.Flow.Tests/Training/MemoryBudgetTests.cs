using Horizon.Flow.Host;
using Horizon.Flow.Models;
using Horizon.Flow.Models.Common;

namespace Horizon.Flow.Tests.Training;

/// <summary>What a plan says of device memory, before anything is allocated.</summary>
public class MemoryBudgetTests
{
    private const double Gibibyte = 1L << 30;

    /// <summary>
    /// Whole-device use of an H100, by the driver, at the peak of steps of 1,024 tokens a row, interval 1, bf16, two weight and two gradient
    /// buffers. The plan may not say less, and at most a tenth more.
    /// </summary>
    [Theory]
    [InlineData("7b", 28, 64, 31.5)]
    [InlineData("7b", 28, 128, 55.8)]
    [InlineData("7b", 14, 128, 43.6)]
    [InlineData("1.5b", 28, 128, 26.3)]
    [InlineData("1.5b", 28, 64, 14.1)]
    [InlineData("1.5b", 28, 32, 8.8)]
    public void Of_QwenShapesOnAGpu_IsWhatWasMeasuredOrATenthMore(string shape, int layers, int rows, double measuredGibibytes)
    {
        var model = CausalDecoder.Define(shape == "7b" ? Qwen(3584, 18_944, 28, 4, 152_064, layers, tied: false) : Qwen(1536, 8960, 12, 2, 151_936, layers, tied: true));
        var budget = MemoryBudget.Of(TrainingPlan.For(model), StorePrecision.Bf16, rows, 1024, gpu: true);
        Assert.InRange(budget.DeviceBytes / Gibibyte, measuredGibibytes, 1.1 * measuredGibibytes);
    }

    private static ModelConfig Qwen(int hidden, int intermediate, int heads, int keyHeads, int vocabulary, int layers, bool tied) => new()
    {
        Architecture = "Qwen2ForCausalLM",
        HiddenSize = hidden,
        IntermediateSize = intermediate,
        LayerCount = layers,
        HeadCount = heads,
        KeyValueHeadCount = keyHeads,
        HeadDimension = 128,
        VocabularySize = vocabulary,
        TiedHead = tied,
        MaximumSequenceLength = 32_768,
        QueryKeyValueBias = true,
        Rope = new RopeConfig { Theta = 1_000_000 },
    };
}
