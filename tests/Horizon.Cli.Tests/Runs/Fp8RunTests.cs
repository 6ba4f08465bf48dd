using Horizon.Flow.Runs.Blueprint;
using Horizon.Flow.Runs.Loading;
using Horizon.Flow.Units;

namespace Horizon.Flow.Cli.Tests.Runs;

/// <summary><c>training.precision: fp8</c> on the CPU, where it is emulated.</summary>
public sealed class Fp8RunTests : IDisposable
{
    private readonly RunFolder _run = new();

    public Fp8RunTests()
    {
        var random = new Random(3);
        long[] Words(int count) => [.. Enumerable.Range(0, count).Select(_ => 10L + (long)Math.Sqrt(random.Next(2500)))];
        _run.WriteTokens("rows.jsonl", Enumerable.Range(0, 160).Select(_ => Words(48)).Select(ids => (ids, ids)));
        Write(RunFolder.Data("reference", "qwen2-tied"));
    }

    public void Dispose() => _run.Dispose();

    /// <summary>The same data from the same start: the loss falls as in bf16, and its mean over the last ten steps is within half a per cent of it.</summary>
    [Theory]
    [InlineData("tensor", "e5m2")]
    [InlineData("row", "e4m3")]
    public async Task Train_InFp8_LearnsAsInBf16(string scaling, string gradients)
    {
        var bf16 = await LossesAsync("training.precision=bf16");
        var fp8 = await LossesAsync("training.precision=fp8", $"training.fp8.scaling={scaling}", $"training.fp8.gradients={gradients}");
        var (first, last, expected) = (fp8.Take(10).Average(), fp8.TakeLast(10).Average(), bf16.TakeLast(10).Average());
        Assert.NotEqual(bf16, fp8);
        Assert.True(last < 0.9 * first, $"from {first} to {last}");
        Assert.Equal(expected, last, 0.005 * expected);
        Assert.Equal(fp8, await LossesAsync("training.precision=fp8", $"training.fp8.scaling={scaling}", $"training.fp8.gradients={gradients}"));
    }

    [Fact]
    public async Task Train_AllLayersKeptInBf16_IsTheRunInBf16()
    {
        string[] few = ["training.max_steps=4"];
        Assert.Equal(await LossesAsync(["training.precision=bf16", .. few]), await LossesAsync(["training.precision=fp8", "training.fp8.bf16_layers=[layer 0, layer *]", .. few]));
        Assert.NotEqual(await LossesAsync(["training.precision=bf16", .. few]), await LossesAsync(["training.precision=fp8", "training.fp8.bf16_layers=[layer 0]", .. few]));
    }

    /// <summary>A run may go on in another precision of the same masters, and says so.</summary>
    [Fact]
    public async Task Resume_InBf16_IsSaidAloud()
    {
        Assert.Equal(ExitCodes.Success, (await _run.TrainAsync("training.precision=fp8", "training.max_steps=2", "checkpoint.every_steps=1")).ExitCode);
        var run = await _run.ResumeAsync("training.precision=bf16", "training.max_steps=3", "checkpoint.every_steps=1");
        Assert.Equal((ExitCodes.Success, ""), (run.ExitCode, run.Error));
        Assert.Contains("training.precision from fp8 to bf16", run.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("training.fp8.bf16_layers=[layer 9]", "training.fp8.bf16_layers: 'layer 9' is no layer of the model; its layers are layer 0 to layer 3.")]
    [InlineData("training.fp8.scaling=block", "training.precision is fp8: this Qwen2ForCausalLM has no products in fp8: its hidden size of 64 is not a multiple of 128, a block that shares a scale; train it in bf16, or with scales by tensor or row")]
    [InlineData("training.fp8.scaling=column", "one of tensor, row, block")]
    [InlineData("training.adapter.rank=2", "training.precision is fp8: adapters are not trained on products in fp8")]
    public async Task Train_WhatFp8DoesNotDo_IsRefused(string set, string sentence)
    {
        var run = await _run.TrainAsync("training.precision=fp8", set);
        Assert.NotEqual(ExitCodes.Success, run.ExitCode);
        Assert.Contains(sentence, run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Train_WidthsThatTensorCoresDoNotTake_IsRefused()
    {
        Write(RunFolder.Stories);
        var run = await _run.TrainAsync("training.precision=fp8");
        Assert.Contains("its intermediate size of 172 is not a multiple of 16; train it in bf16", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Train_KeysOfFp8InBf16_AreRefused()
    {
        var run = await _run.TrainAsync("training.precision=bf16", "training.fp8.scaling=row");
        Assert.Contains("training.precision", run.Error, StringComparison.Ordinal);
        Assert.Contains("fp8 where keys of training.fp8 are set", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Plan_InFp8_SaysSoAndCountsFewerBytesThanTwiceThose()
    {
        var (bf16, fp8) = (Tapes("bf16"), Tapes("fp8"));
        // What is kept for backward is the same; what is at work is not, since operands lie in fp8 beside their sources.
        Assert.Equal(bf16.Kept, fp8.Kept);
        Assert.InRange(fp8.Working, bf16.Working + 1, 2 * bf16.Working);
        var run = await _run.RunAsync("plan", _run.In("run.yaml"), "--set", "training.precision=fp8");
        Assert.Contains("parameters, fp8", run.Output, StringComparison.Ordinal);
    }

    private (long Kept, long Working) Tapes(string precision)
    {
        var blueprint = RunBlueprint.Of(ConfigurationLoader.Load(_run.In("run.yaml"), [$"training.precision={precision}"]));
        var (unit, template) = blueprint.Model.Hidden[1];
        var shape = new BatchShape(4, 48, Host.Memory.ElementType.BFloat16) { FusedOperators = true };
        return (template.KeptTapeBytes(blueprint.Model.Units[unit], shape), template.WorkingBytes(blueprint.Model.Units[unit], shape));
    }

    private async Task<double[]> LossesAsync(params string[] set)
    {
        var run = await _run.TrainAsync([.. set, "output.overwrite=true"]);
        Assert.Equal((ExitCodes.Success, ""), (run.ExitCode, run.Error));
        return [.. _run.Metric("loss")];
    }

    private void Write(string model) => _run.Write("run.yaml", $$"""
        model:      { path: {{model}} }
        data:       { path: rows.jsonl, packing: false }
        training:   { batch_size: 4, max_steps: 40 }
        optimizer:  { learning_rate: 2e-3 }
        output:     { directory: out }
        device:     cpu
        """);
}
