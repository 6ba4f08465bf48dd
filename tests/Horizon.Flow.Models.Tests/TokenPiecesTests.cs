using FsCheck;
using Horizon.Flow.Models.Common;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Tests;

/// <summary>What is wider than a hidden state is cut along tokens, and nothing else comes out.</summary>
public class TokenPiecesTests
{
    /// <summary>Loss and every gradient are those of one piece, to the rounding of sums that are taken in another order.</summary>
    [Cases(40, Arbitrary = [typeof(ModelCases)])]
    public void Differentiate_AnyPieces_EqualsOnePiece(ModelCase model, PositiveInt piece)
    {
        var (whole, pieces) = (Differentiate(model, ScalarType.Float32, null), Differentiate(model, ScalarType.Float32, 1 + (piece.Get % (model.Rows * model.Sequence))));
        Assert.Equal(whole.LossSum, pieces.LossSum, 1e-5 * whole.LossSum);
        Numbers.AssertClose(whole.Gradients, pieces.Gradients, 1e-5);
    }

    /// <summary>
    /// A row cut along its tokens, in the feed-forward and in the head's logits, against the whole model in fp64: losses and gradients are as near to it as
    /// those of one piece.
    /// </summary>
    [Cases(30, Arbitrary = [typeof(ModelCases)])]
    public void Differentiate_OneRowInPieces_IsAsNearToFp64AsOnePiece(ModelCase drawn, PositiveInt piece)
    {
        var model = drawn with { Rows = 1, Sequence = drawn.Sequence + 24 };
        var parameters = model.Parameters();
        using var exact = new DenseTrainer(model.Config, parameters, new DenseOptions { Type = ScalarType.Float64, MaxGradNorm = null });
        var batch = model.Batch();
        var (loss, _) = exact.Differentiate([batch]);
        var (whole, pieces) = (Differentiate(model, ScalarType.Float32, null, parameters), Differentiate(model, ScalarType.Float32, 1 + (piece.Get % 9), parameters, 3));
        Assert.Equal(loss, pieces.LossSum / batch.LabelledTokens, 1e-6 * loss);
        var expected = exact.Gradients;
        // What is zero in exact arithmetic (a key's bias moves no probability) is rounding alone, hence a share of all gradients.
        var all = Numbers.Norm(expected.Values.SelectMany(values => values));
        double Error(Dictionary<string, float[]> gradients, string name) => Numbers.Norm(expected[name].Zip(gradients[name], (wanted, given) => given - wanted));
        Assert.All(expected.Keys, name => Assert.InRange(
            Error(pieces.Gradients, name), 0, (3 * Error(whole.Gradients, name)) + (2e-6 * (Numbers.Norm(expected[name]) + (0.1 * all)))));
    }

    /// <summary>In bf16 the pieces' weight gradients are summed in fp32: no further from fp32 than one piece's.</summary>
    [Cases(15, Arbitrary = [typeof(ModelCases)])]
    public void Differentiate_PiecesInBFloat16_AreNoFurtherFromExact(ModelCase model, PositiveInt piece)
    {
        var rounded = model.Parameters().ToDictionary(entry => entry.Key, entry => Array.ConvertAll(entry.Value, RoundToBFloat16));
        var exact = Differentiate(model, ScalarType.Float32, null, rounded).Gradients;
        double Error(int? tokens) => Numbers.RelativeError(Flat(exact), Flat(Differentiate(model, ScalarType.BFloat16, tokens, rounded).Gradients));
        Assert.InRange(Error(1 + (piece.Get % (model.Rows * model.Sequence))), 0, (2 * Error(null)) + 0.01);
    }

    /// <summary>The same pieces give the same bits, in whatever order micro-batches come.</summary>
    [Cases(10, Arbitrary = [typeof(ModelCases)])]
    public void Differentiate_SamePiecesAgain_GivesTheSameBits(ModelCase model, PositiveInt piece)
    {
        var tokens = 1 + (piece.Get % (model.Rows * model.Sequence));
        var (first, second) = (Differentiate(model, ScalarType.BFloat16, tokens), Differentiate(model, ScalarType.BFloat16, tokens));
        Assert.Equal(first.LossSum, second.LossSum);
        Assert.All(first.Gradients, entry => Assert.Equal(entry.Value, second.Gradients[entry.Key]));
    }

    [Cases(200)]
    public void LengthOf_AnyRows_CutsOnlyLongOnesIntoBoundedPieces(PositiveInt rows, PositiveInt length)
    {
        var (r, s) = (1 + (rows.Get % 4), length.Get * 997L % 400_000);
        var piece = TokenPieces.LengthOf(r, s);
        if (s <= TokenPieces.LongestUncutRow) Assert.Equal(r * s, piece);
        else Assert.InRange(piece, TokenPieces.LongestPiece / 2, TokenPieces.LongestPiece);
    }

    private static (double LossSum, Dictionary<string, float[]> Gradients) Differentiate(
        ModelCase model, ScalarType type, int? pieceTokens, Dictionary<string, float[]>? parameters = null, int? logitRows = null)
    {
        var batch = model.Batch();
        using var walk = new UnitWalk(logitRows is { } rows ? CausalDecoder.Define(model.Config, rows * sizeof(float) * model.Vocabulary) : ModelFamilies.Define(model.Config), parameters ?? model.Parameters(), type);
        using var deviceBatch = UnitWalk.Batch(batch, pieceTokens: pieceTokens);
        return walk.Differentiate(deviceBatch, 1.0 / batch.LabelledTokens);
    }

    private static float[] Flat(Dictionary<string, float[]> tensors) => [.. tensors.OrderBy(entry => entry.Key).SelectMany(entry => entry.Value)];

    private static float RoundToBFloat16(float value) => BitConverter.UInt32BitsToSingle((BitConverter.SingleToUInt32Bits(value) + 0x8000u) & 0xFFFF0000u);
}
