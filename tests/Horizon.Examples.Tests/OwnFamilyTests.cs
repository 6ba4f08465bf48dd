using Horizon.Flow;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models;
using Horizon.Flow.Units;
using static TorchSharp.torch.nn.functional;
using static TorchSharp.torch;

namespace Horizon.Examples.Tests;

public class OwnFamilyTests
{
    [Theory]
    [InlineData(StorePrecision.Fp32)]
    [InlineData(StorePrecision.Bf16)]
    public async Task RunAsync_Gpt2_LearnsAndComesBackFromItsFolder(StorePrecision precision)
    {
        var shown = await OwnFamilyExample.RunAsync(TextWriter.Null, steps: 20, precision);
        Assert.True(shown.Trained.LastLoss < 0.8 * shown.Trained.Reports[0].Loss);
        Assert.Equal(shown.Evaluation, shown.ReadBackEvaluation);
    }

    [Theory]
    [InlineData(1, 1, false)]
    [InlineData(2, 2, false)]
    [InlineData(3, 1, true)]
    public async Task Define_OneStep_EqualsADenseGpt2(int recomputeInterval, int microBatches, bool packed)
    {
        var config = OwnFamilyExample.Registry.Read(ConfigJson.Parse(OwnFamilyExample.ConfigJson, "test"));
        var model = OwnFamilyExample.Registry.Define(config);
        var plan = TrainingPlan.For(model, PlainStep.Options with
        {
            RecomputeInterval = recomputeInterval,
            Pipeline = new() { DeviceBuffers = recomputeInterval + 1 }, // a tape of autograd holds its weights
            GradientAccumulation = microBatches,
        });
        IReadOnlyList<MicroBatch> batches = [.. Tiny.Steps(1, rows: 4, microBatches: microBatches).Single().Select(batch => packed ? Packed(batch) : batch)];
        using var store = Tiny.CreateStore(plan);
        var initial = Outcome.Read(store);
        var trained = await Outcome.OfAsync(plan, store, [batches]);

        using var scope = NewDisposeScope();
        var parameters = DenseParameters.Of(initial, model);
        foreach (var parameter in parameters.Values) parameter.requires_grad_();
        var dense = new DenseGpt2(config, parameters);
        var loss = stack([.. batches.Select(dense.LossSum)]).sum().Over(batches.Sum(batch => batch.LabelledTokens));
        PlainStep.AssertDense(loss, parameters, trained, 2e-4, model);
    }

    [Theory]
    [InlineData("\"activation_function\":\"gelu_new\"", "\"activation_function\":\"relu\"", "activation_function is relu")]
    [InlineData("\"n_embd\":32", "\"n_embd\":30", "which 4 heads do not divide")]
    [InlineData("\"n_head\":4", "\"n_head\":4,\"add_cross_attention\":true", "add_cross_attention")]
    public void Read_WhatItDoesNotKnow_IsRefusedByName(string old, string changed, string message)
    {
        var json = OwnFamilyExample.ConfigJson.Replace(old, changed, StringComparison.Ordinal);
        var error = Assert.Throws<HorizonException>(() => OwnFamilyExample.Registry.Read(ConfigJson.Parse(json, "config.json")));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    // Two documents a row, whose tokens do not see each other and whose positions begin anew.
    private static MicroBatch Packed(MicroBatch batch)
    {
        var half = batch.SequenceLength / 2;
        long[] places = [.. batch.InputIds.Select((_, i) => (long)(i % batch.SequenceLength))];
        return new MicroBatch(batch.Rows, batch.SequenceLength, batch.InputIds, batch.Targets, [.. places.Select(place => place % half)], [.. places.Select(place => place / half)]);
    }

    /// <summary>GPT-2 from its formulas, as one autograd graph.</summary>
    private sealed class DenseGpt2(ModelConfig config, Dictionary<string, Tensor> parameters)
    {
        public Tensor LossSum(MicroBatch batch)
        {
            var (rows, tokens, width) = (batch.Rows, batch.SequenceLength, config.HiddenSize);
            var x = parameters["transformer.wte.weight"].index_select(0, tensor(batch.InputIds))
                .Plus(parameters["transformer.wpe.weight"].index_select(0, tensor(batch.Positions))).view(rows, tokens, width);
            var hidden = Hidden(batch);
            for (var layer = 0; layer < config.LayerCount; layer++)
            {
                var name = $"transformer.h.{layer}.";
                var all = Linear(name + "attn.c_attn", Norm(name + "ln_1", x));
                Tensor Heads(int part) => all.narrow(-1, part * width, width).reshape(rows, tokens, config.HeadCount, -1).permute(0, 2, 1, 3);
                var scores = matmul(Heads(0), Heads(1).transpose(2, 3)).Over(Math.Sqrt(config.HeadDimension)).With(double.NegativeInfinity, (s, never) => s.masked_fill(hidden, never));
                var mixed = matmul(softmax(scores, -1), Heads(2)).permute(0, 2, 1, 3).reshape(rows, tokens, width);
                x = x.Plus(Linear(name + "attn.c_proj", mixed));
                var inner = Linear(name + "mlp.c_fc", Norm(name + "ln_2", x));
                var gelu = inner.Times(0.5) * inner.Plus(inner.With(3, (t, three) => t.pow(three)).Times(0.044715)).Times(0.7978845608028654).tanh().Plus(1);
                x = x.Plus(Linear(name + "mlp.c_proj", gelu));
            }

            var logits = matmul(Norm("transformer.ln_f", x), parameters["transformer.wte.weight"].t());
            return cross_entropy(logits.view(rows * tokens, -1), tensor(batch.Targets), ignore_index: -100, reduction: nn.Reduction.Sum);
        }

        private static Tensor Hidden(MicroBatch batch)
        {
            var (rows, tokens) = (batch.Rows, batch.SequenceLength);
            var hidden = new bool[rows * tokens * tokens];
            for (var i = 0; i < hidden.Length; i++)
            {
                var (row, query, key) = (i / (tokens * tokens), i / tokens % tokens, i % tokens);
                hidden[i] = key > query || (batch.Documents is { } documents && documents[(row * tokens) + key] != documents[(row * tokens) + query]);
            }

            return tensor(hidden, [rows, 1, tokens, tokens]);
        }

        private Tensor Linear(string name, Tensor x) => matmul(x, parameters[name + ".weight"]).Plus(parameters[name + ".bias"]);

        private Tensor Norm(string name, Tensor x)
        {
            var centred = x - x.mean([-1], keepdim: true);
            var variance = centred.Squared().mean([-1], keepdim: true);
            return (centred / variance.Plus(config.NormEpsilon).sqrt() * parameters[name + ".weight"]).Plus(parameters[name + ".bias"]);
        }
    }
}
