using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Dense;
using Horizon.Flow.Units;
using TorchSharp;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Tests;

public class PerLayerEmbeddingTests
{
    // H, L and P: both scales, the roots of H and P, are 2.
    private const int Hidden = 4;
    private const int Layers = 2;
    private const int Width = 4;

    /// <summary>A bf16 sum of numbers near 2 ends at 512: gradients of a token that comes more often are summed in fp32, in both tables.</summary>
    [Fact]
    public void Backward_TokenThatComesOften_IsSummedInFp32()
    {
        const int tokens = 600;
        var definition = DenseDecoder.Define(Config());
        using var flat = zeros(definition.Units[0].ElementCount, bfloat16);
        using var written = empty_like(flat).FillInPlace(float.NaN);
        using var parameters = new ParameterViews(flat, definition.Units[0]);
        using var gradients = new ParameterViews(written, definition.Units[0]);
        using var batch = UnitWalk.Batch(new MicroBatch(1, tokens, Numbers(tokens, _ => 3), Numbers(tokens, _ => 1), Numbers(tokens, place => place)));
        using var ones = torch.ones([1, tokens, Hidden + (Layers * Width)], bfloat16);
        using (var tape = definition.Hidden[0].Template.Recompute(parameters, null, batch)) Assert.Null(tape.Backward(ones, gradients));

        AssertRowAlone(gradients[Roles.Embedding], 2.0 * tokens);
        AssertRowAlone(gradients[Roles.PerLayerEmbedding], 2 * Math.Sqrt(0.5) * tokens);
        using var finite = written.isfinite().all();
        Assert.True(finite.item<bool>());
    }

    // Token 3's row; zeros in all others. bf16 rounds by up to 2^-9, here three times.
    private static void AssertRowAlone(Tensor table, double expected)
    {
        using var scope = NewDisposeScope();
        var rows = table.to(float32);
        var row = rows.select(0, 3).data<float>().ToArray();
        Assert.All(row, value => Assert.InRange(value, 0.99 * expected, 1.01 * expected));
        Assert.Equal(row.Length, rows.count_nonzero().item<long>());
    }

    private static long[] Numbers(int count, Func<int, long> of) => [.. Enumerable.Range(0, count).Select(of)];

    private static DenseConfig Config() => new()
    {
        Architecture = "Gemma4ForCausalLM",
        VocabularySize = 8,
        HiddenSize = Hidden,
        IntermediateSize = 8,
        LayerCount = Layers,
        HeadCount = 1,
        KeyValueHeadCount = 1,
        HeadDimension = 4,
        MaximumSequenceLength = 1024,
        NormEpsilon = 1e-6,
        TiedHead = true,
        EmbeddingScale = Math.Sqrt(Hidden),
        PerLayerWidth = Width,
        PerLayerVocabulary = 8,
    };
}
