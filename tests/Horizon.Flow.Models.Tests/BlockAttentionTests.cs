using FsCheck;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Models.Attention;
using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Tests;

/// <summary>Scores that are computed as they are, block by block of queries, against all scores at once.</summary>
public class BlockAttentionTests
{
    /// <summary>Output and gradients are those of a dense softmax in fp64, whatever documents, window, head groups, scale and cap are, and however few queries a block has.</summary>
    [Cases(100)]
    public void Backward_AnyDocuments_EqualsTheDenseSoftmax(PositiveInt rows, PositiveInt tokens, PositiveInt heads, PositiveInt window, PositiveInt blockBytes, bool packed, bool windowed, bool capped, int seed)
    {
        var (B, S, K, G, D) = (1 + (rows.Get % 3), 1 + (tokens.Get % 30), 1 + (heads.Get % 3), 1 + (heads.Get % 4), 4L);
        int? width = windowed ? 1 + (window.Get % (S + 3)) : null;
        using var scope = NewDisposeScope();
        random.manual_seed(seed);
        using var batch = Batch(B, S, packed, new Random(seed));
        Tensor[] inputs = [.. new[] { K * G, K, K }.Select(count => randn([B, S, count, D], float64).Times(2))];
        var gradient = randn(inputs[0].shape, float64);
        var rule = new ScoreRule(capped ? 0.1 + (blockBytes.Get % 7) : 1 + (blockBytes.Get % 2), capped ? 0.5 + (heads.Get % 5) : null);

        using var step = new BlockAttention(inputs, rule, width, batch, keeps: true, blockBytes: 4L * K * G * (1 + (blockBytes.Get % (2 * S * S))));
        Tensor[] found = [step.Output, .. step.Backward(gradient)!];
        var expected = Dense(inputs, gradient, rule, width, batch);
        for (var i = 0; i < expected.Length; i++) Assert.InRange((expected[i] - found[i]).norm().item<double>(), 0, 1e-9 * (1 + expected[i].norm().item<double>()));
        Assert.Equal(expected.Select(tensor => tensor.shape), found.Select(tensor => tensor.shape));
    }

    /// <summary>In fp32 the output and the gradients of scores that nothing divides are as near to fp64 as a softmax over all of them is: no exponential is approximated.</summary>
    [Cases(40)]
    public void Backward_InFp32_IsAsExactAsTheDenseSoftmax(PositiveInt rows, PositiveInt tokens, PositiveInt heads, PositiveInt window, PositiveInt pairs, bool packed, bool windowed, int seed)
    {
        var (B, S, K, G, D) = (1 + (rows.Get % 2), 8 + (tokens.Get % 60), 1 + (heads.Get % 2), 1 + (heads.Get % 3), 16L);
        int? width = windowed ? 1 + (window.Get % (S + 3)) : null;
        using var scope = NewDisposeScope();
        random.manual_seed(seed);
        using var batch = Batch(B, S, packed, new Random(seed));
        Tensor[] inputs = [.. new[] { K * G, K, K }.Select(count => randn([B, S, count, D], float32))];
        var gradient = randn(inputs[0].shape, float32);

        using var step = new BlockAttention(inputs, new(1), width, batch, keeps: true, blockBytes: 4L * K * G * (S + (pairs.Get % (S * S))));
        Tensor[] found = [step.Output, .. step.Backward(gradient)!];
        var truth = Dense([.. inputs.Select(input => input.to(float64))], gradient.to(float64), new(1), width, batch);
        var dense = Dense(inputs, gradient, new(1), width, batch);
        // Of all of them: which of the four a processor rounds well is its own.
        var rounding = Enumerable.Range(0, truth.Length).Max(i => Error(i, dense));
        for (var i = 0; i < truth.Length; i++) Assert.InRange(Error(i, found), 0, (3 * rounding) + 3e-7);

        double Error(int i, Tensor[] values) => (values[i].to(float64) - truth[i]).norm().item<double>() / (1e-9 + truth[i].norm().item<double>());
    }

    /// <summary>A CPU in fp32 goes this way where nothing divides the scores, a GPU and bf16 do not; capped scores always do.</summary>
    [Theory]
    [InlineData(1.0, null, ScalarType.Float32, true, true)]
    [InlineData(1.0, null, ScalarType.Float32, false, false)]
    [InlineData(1.0, null, ScalarType.BFloat16, true, false)]
    [InlineData(0.125, null, ScalarType.Float32, true, false)]
    [InlineData(0.125, 50.0, ScalarType.BFloat16, false, true)]
    public void Takes_AnyScores_IsWhatNoKernelDoesWell(double scale, double? cap, ScalarType type, bool onCpu, bool expected) =>
        Assert.Equal(expected, BlockAttention.Takes(new(scale, cap), type, onCpu));

    /// <summary>Every query is in one block, which has all keys that it sees; and no block has more scores than it may, but for one query alone.</summary>
    [Cases(200)]
    public void Of_AnyDocuments_CoversEveryQueryWithinTheSize(PositiveInt rows, PositiveInt tokens, PositiveInt most, PositiveInt window, bool windowed, int seed)
    {
        var (B, S, pairs) = (1 + (rows.Get % 3), 1 + (tokens.Get % 50), 1 + (most.Get * 13 % 900));
        long? width = windowed ? 1 + (window.Get % 60) : null;
        using var batch = Batch(B, S, packed: true, new Random(seed));
        var next = 0L;
        foreach (var block in ScoreBlock.Of(batch, width, pairs))
        {
            Assert.Equal(next, block.FirstQuery);
            next += block.Queries;
            Assert.Equal(next, block.FirstKey + block.Keys); // the last query's own key is the last
            var document = Enumerable.Range(0, batch.Spans.Count).Last(i => batch.Spans.Starts[i] <= block.FirstQuery);
            Assert.InRange(next, block.FirstQuery + 1, batch.Spans.Starts[document + 1]);
            Assert.Equal(Math.Max(batch.Spans.Starts[document], block.FirstQuery + 1 - (width ?? S)), block.FirstKey);
            Assert.True(block.Queries == 1 || block.Queries * block.Keys <= pairs);
        }

        Assert.Equal(B * S, next);
    }

    /// <summary>Scores exist in blocks of a size, so that what the plan counts of them grows no faster than the row.</summary>
    [Fact]
    public void WorkingBytes_OfLongerRows_AreLinear()
    {
        static long Of(long sequence) => BlockAttention.WorkingBytes(16, 2048, new BatchShape(1, sequence, ElementType.BFloat16));
        Assert.InRange(Of(65_536), Of(32_768), 2 * Of(32_768));
        Assert.InRange(Of(262_144), Of(131_072), 2 * Of(131_072));
    }

    /// <summary>
    /// What Gemma 4's layers take on a CPU in fp32 is planned with their blocks, and is linear in the row; rows far longer than those whose scores once existed whole are as exact.
    /// </summary>
    [Fact]
    public void Gemma4_LongRows_ArePlannedAndComputedInLinearMemory()
    {
        var model = ModelFamilies.Define(ModelFolder.ReadConfig(Path.Combine(AppContext.BaseDirectory, "data", "families", "gemma4-shared-experts")));
        long Of(long sequence, bool onCpu) => model.Hidden.Select((binding, i) => binding.Template.WorkingBytes(model.Units[i], new BatchShape(1, sequence, ElementType.Float32) { OnProcessor = onCpu })).Max();
        Assert.True(Of(65_536, onCpu: true) > Of(65_536, onCpu: false) + BlockAttention.BlockBytes);
        Assert.InRange(Of(262_144, onCpu: true), Of(131_072, onCpu: true), 2 * Of(131_072, onCpu: true));

        using var scope = NewDisposeScope();
        random.manual_seed(3);
        using var batch = Batch(1, 2600, packed: false, new Random(3));
        Tensor[] inputs = [.. new[] { 2L, 1, 1 }.Select(count => randn([1, 2600, count, 16], float32))];
        var gradient = randn(inputs[0].shape, float32);
        using var step = new BlockAttention(inputs, new(1), window: null, batch, keeps: true, blockBytes: 4L * 2 * 2600 * 100);
        Tensor[] found = [step.Output, .. step.Backward(gradient)!];
        var truth = Dense([.. inputs.Select(input => input.to(float64))], gradient.to(float64), new(1), null, batch);
        for (var i = 0; i < truth.Length; i++) Assert.InRange((found[i].to(float64) - truth[i]).norm().item<double>() / truth[i].norm().item<double>(), 0, 2e-6);
    }

    /// <summary>The values that a decoder remembers are seen as if all tokens were there.</summary>
    [Theory]
    [InlineData(null)]
    [InlineData(4)]
    public void Output_OfTheLastTokensWithARecall_IsThatOfAllTokens(int? window)
    {
        using var scope = NewDisposeScope();
        random.manual_seed(5);
        var (before, after) = (9L, 5L);
        Tensor[] inputs = [.. new[] { 4L, 2, 2 }.Select(count => randn([1, before + after, count, 8], float64))];
        using var all = Batch(1, (int)(before + after), packed: false, new Random(1));
        using var last = Batch(1, (int)after, packed: false, new Random(1), all);
        Tensor Mixed(DeviceBatch batch, long first) =>
            new BlockAttention([inputs[0].narrow(1, first, batch.SequenceLength), inputs[1], inputs[2]], new(0.5, 2), window, batch, keeps: false, blockBytes: 4 * 4 * 20).Output;
        Assert.InRange((Mixed(all, 0).narrow(1, before, after) - Mixed(last, before)).abs().max().item<double>(), 0, 1e-12);
    }

    private static DeviceBatch Batch(int rows, int sequence, bool packed, Random random, DeviceBatch? recalled = null)
    {
        var documents = new long[rows * sequence];
        for (var place = 0; place < documents.Length; place++) documents[place] = place % sequence == 0 ? 0 : documents[place - 1] + (random.Next(4) == 0 ? 1 : 0);
        Tensor Rows() => zeros([rows, sequence], int64).DetachFromDisposeScope();
        var recall = recalled is null ? null : new Recall();
        recall?.Begin(recalled!);
        return new DeviceBatch(Rows(), Rows(), Rows(), packed ? tensor(documents, [rows, sequence]).DetachFromDisposeScope() : null) { Recall = recall };
    }

    // The output and the gradients of queries, keys and values.
    private static Tensor[] Dense(Tensor[] inputs, Tensor gradient, ScoreRule rule, int? window, DeviceBatch batch)
    {
        using var grad = enable_grad();
        Tensor[] leaves = [.. inputs.Select(input => input.clone().detach().requires_grad_())];
        var times = inputs[0].shape[2] / inputs[1].shape[2];
        var (query, key, value) = (leaves[0].transpose(1, 2), leaves[1].repeat_interleave(times, 2).transpose(1, 2), leaves[2].repeat_interleave(times, 2).transpose(1, 2));
        var scores = matmul(query, key.transpose(2, 3)).Times(rule.Scale);
        if (rule.Cap is { } cap) scores = scores.Over(cap).tanh().Times(cap);
        var seen = batch.AttentionMask(window) ?? ones([1, 1, batch.SequenceLength, batch.SequenceLength], ScalarType.Bool).tril();
        var weights = scores.With(double.NegativeInfinity, (x, nothing) => x.masked_fill(seen.logical_not(), nothing)).softmax(-1);
        var output = matmul(weights, value).transpose(1, 2);
        return [output.detach(), .. autograd.grad([output], leaves, [gradient])];
    }
}
