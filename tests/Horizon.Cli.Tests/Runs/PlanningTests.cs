using System.Text.Json;
using FsCheck;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Resources;
using Horizon.Flow.Runs.Loading;
using Horizon.Flow.Runs.Planning;
using Horizon.Flow.Runs.Validation;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Cli.Tests.Runs;

public sealed class PlanningTests : IDisposable
{
    private readonly RunFolder _run = new();

    public PlanningTests()
    {
        File.Copy(RunFolder.Data("reference", "llama-gqa", "config.json"), _run.In("config.json"));
        _run.Write("run.yaml", "{ model: { path: ., init: random }, training: { max_grad_norm: null }, data: { sequence_length: 64 }, device: cpu }");
    }

    public void Dispose() => _run.Dispose();

    [Fact]
    public async Task Plan_Json_CountsTwelveBytesAParameterAndTheSlabs()
    {
        var run = await _run.RunAsync("plan", _run.In("run.yaml"), "--json", "--gpu-memory", "1GiB", "--host-memory", "3GiB");
        Assert.Equal((ExitCodes.Success, ""), (run.ExitCode, run.Error));
        using var json = JsonDocument.Parse(run.Output);
        var (host, device) = (json.RootElement.GetProperty("host"), json.RootElement.GetProperty("device"));
        // Two tables of 320 x 64, a norm, and four layers of 64 x (64 + 2 x 32) and 64 x 64 weights in attention, 3 x 64 x 160 beside, two norms.
        const long Layer = (64 * 128) + (64 * 64) + (3 * 64 * 160) + (2 * 64);
        const long Parameters = (2 * 320 * 64) + 64 + (4 * Layer);
        var items = host.GetProperty("items").EnumerateArray().ToDictionary(item => item.GetProperty("kind").GetString()!, item => item.GetProperty("bytes").GetInt64());
        Assert.Equal((12 * Parameters) + (4 * 2 * Layer), items.Where(item => item.Key != MemoryBudget.RuntimeAndLibraries).Sum(item => item.Value));
        Assert.Equal(items.Values.Sum(), host.GetProperty("needed_bytes").GetInt64());
        Assert.Equal(2 * 2 * Layer, device.GetProperty("items")[0].GetProperty("bytes").GetInt64());
        Assert.True(json.RootElement.GetProperty("fits").GetBoolean());
        Assert.StartsWith("device memory", json.RootElement.GetProperty("binds").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Plan_OnTheCpu_EverythingLiesInTheHost()
    {
        var run = await _run.RunAsync("plan", _run.In("run.yaml"), "--host-memory", "1MiB");
        Assert.Equal((ExitCodes.Success, ""), (run.ExitCode, run.Error));
        Assert.DoesNotContain("device memory:", run.Output, StringComparison.Ordinal);
        Assert.Contains("does not fit: host memory, ", run.Output, StringComparison.Ordinal);
    }

    /// <summary>A process takes memory beside its buffers, and the C library's heap has small blocks; on a GPU neither grows with the batch.</summary>
    [Fact]
    public void Plan_OnTheCpu_CountsTheProcessAndItsHeap()
    {
        var configuration = ConfigurationLoader.Load(_run.In("run.yaml"), use: ConfigurationUse.Inspect);
        var (cpu, gpu) = (RunPlanner.Plan(configuration), RunPlanner.Plan(configuration, ByteSize.FromGibibytes(3)));
        long Of(PlanReport plan, params string[] kinds) => plan.Items.Where(item => kinds.Contains(item.Kind)).Sum(item => item.Bytes);
        Assert.Equal(234_000_000, Of(cpu, "runtime and libraries"));
        var computed = Of(cpu, MemoryBudget.KeptInputs, MemoryBudget.KeptTapes, MemoryBudget.WorkInHand);
        Assert.Equal((computed / 2) + (Of(cpu, PoolNames.DeviceWeights) / 8), Of(cpu, "small blocks"), 1.0);
        Assert.Equal((1360L << 20, 0), (Of(gpu, "runtime and libraries"), Of(gpu, "small blocks")));
    }

    [Cases(20)]
    public void Plan_BestBatchSize_IsTheLargestThatFits(PositiveInt mebibytes, PositiveInt sequence)
    {
        var configuration = ConfigurationLoader.Load(_run.In("run.yaml"), [$"data.sequence_length={1 + (sequence.Get % 256)}"], ConfigurationUse.Inspect);
        var (device, host) = (new ByteSize((920 + (mebibytes.Get % 100L)) << 20), ByteSize.FromGibibytes(2));
        bool Fits(int batch) => RunPlanner.Plan(configuration with { Training = configuration.Training with { BatchSize = batch } }, device, host).FitsWithRoom;
        var best = RunPlanner.Plan(configuration, device, host).BestBatchSize ?? 0;
        Assert.True(best == 0 || Fits(best));
        Assert.False(Fits(best + 1));
    }

    /// <summary>Published shapes with random weights: from config.json alone, whatever the size; every parameter is counted, and experts compute no more than they are asked.</summary>
    [Theory]
    [InlineData(768, 12, 12, 12, 3072, 50257, 0, 190_500_000, 5.08)]
    [InlineData(3584, 28, 28, 4, 18944, 152064, 0, 7_610_000_000, 5.655)]
    [InlineData(16384, 126, 128, 8, 53248, 128256, 0, 405_800_000_000, 6.05)]
    [InlineData(2048, 48, 32, 4, 768, 151936, 128, 30_500_000_000, 0.67)]
    public void Plan_FromConfigAlone_CountsParametersAndOperations(int hidden, int layers, int heads, int keys, int inner, int vocabulary, int experts, long parameters, double operations)
    {
        var moe = experts > 0 ? $", \"num_experts\": {experts}, \"num_experts_per_tok\": 8, \"moe_intermediate_size\": {inner}, \"decoder_sparse_step\": 1, \"mlp_only_layers\": [], \"norm_topk_prob\": true" : "";
        var (name, type) = experts > 0 ? ("Qwen3MoeForCausalLM", "qwen3_moe") : ("LlamaForCausalLM", "llama");
        _run.Write("config.json", $$"""
            { "architectures": ["{{name}}"], "model_type": "{{type}}", "hidden_size": {{hidden}}, "num_hidden_layers": {{layers}}, "num_attention_heads": {{heads}}, "num_key_value_heads": {{keys}},
              "head_dim": {{Math.Max(hidden / heads, experts > 0 ? 128 : 0)}}, "intermediate_size": {{(experts > 0 ? 6144 : inner)}}, "vocab_size": {{vocabulary}}, "max_position_embeddings": 8192, "rms_norm_eps": 1e-5, "tie_word_embeddings": false{{moe}} }
            """);
        var plan = RunPlanner.Plan(ConfigurationLoader.Load(_run.In("run.yaml"), ["data.sequence_length=1024", "training.batch_size=1"], ConfigurationUse.Inspect), ByteSize.FromGibibytes(80), ByteSize.FromGibibytes(8192));
        Assert.InRange(plan.ParameterCount, 0.98 * parameters, 1.02 * parameters);
        Assert.InRange(plan.Cost!.Work.ModelOperations / 1024 / parameters, 0.95 * operations, 1.05 * operations);
        Assert.Equal(2.0 * plan.ParameterCount, plan.Cost.Work.BytesDown);
        Assert.True(plan.RecommendedBatchSize is >= 1 and var best && best <= plan.BestBatchSize);
    }

    [Cases]
    public void BatchChoice_AnyMemoryAndRate_IsTheLargestThatFitsAndTheSmallestThatIsNearlyAsFast(PositiveInt fits, PositiveInt half)
    {
        double Rate(int batch) => batch / (batch + (double)half.Get); // saturates, as steps do
        var choice = BatchChoice.Of(1 << 20, batch => batch <= fits.Get, Rate);
        Assert.Equal(fits.Get, choice.Largest);
        Assert.True(Rate(choice.Recommended!.Value) >= 0.97 * Rate(fits.Get));
        Assert.True(choice.Recommended == 1 || Rate(choice.Recommended.Value / 2) < 0.97 * Rate(fits.Get));
        Assert.Equal(new BatchChoice(null, null), BatchChoice.Of(100, _ => false, Rate));
    }

    [Fact]
    public void ChooseBatchSize_Auto_IsThePlansRecommendationAndLeavesTheSystemRoom()
    {
        var configuration = ConfigurationLoader.Load(_run.In("run.yaml"), ["training.batch_size=auto"], ConfigurationUse.Inspect);
        var (device, host) = (ByteSize.FromGibibytes(3), ByteSize.FromGibibytes(2));
        var chosen = RunPlanner.ChooseBatchSize(configuration, device, host);
        var plan = RunPlanner.Plan(chosen, device, host);
        Assert.Equal(plan.RecommendedBatchSize, chosen.Training.BatchSize);
        Assert.True(plan.FitsWithRoom);
        Assert.Equal(0.04 * host.Bytes, plan.SystemRoom.Bytes, 1.0);
        Assert.Equal(chosen.Training.BatchSize, RunPlanner.Plan(configuration, device, host).RecommendedBatchSize);
        var refused = Assert.Throws<HorizonException>(() => RunPlanner.ChooseBatchSize(configuration, new ByteSize(1 << 20), host));
        Assert.Contains("finds none that fits", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void BatchSize_AutoInAFile_IsWrittenAsItWasRead()
    {
        var configuration = ConfigurationLoader.Load(_run.In("run.yaml"), ["training.batch_size=auto"], ConfigurationUse.Inspect);
        Assert.Contains("batch_size: auto", ConfigurationWriter.ToYaml(configuration), StringComparison.Ordinal);
    }

    /// <summary>The same as on H100s, in docs/benchmarks/2026-11-23-h100.md and 2026-11-26-fp8.md: within 15 % of what was measured there.</summary>
    [Theory]
    [InlineData("7b", 64, 5.91, "clipping")]
    [InlineData("7b", 160, 14.70, "compute")]
    [InlineData("1.5b", 128, 2.87, "compute")]
    [InlineData("1.5b", 64, 1.44, "clipping")]
    [InlineData("7b", 64, 4.08, "clipping", "fp8")]
    [InlineData("1.5b", 128, 2.27, "compute", "fp8")]
    public void Plan_StepsThatWereMeasuredOnAnH100_ArePredicted(string size, int batch, double seconds, string binds, string precision = "bf16")
    {
        WriteQwen(size);
        var plan = RunPlanner.Plan(
            ConfigurationLoader.Load(_run.In("run.yaml"), ["data.sequence_length=1024", $"training.batch_size={batch}", "training.max_grad_norm=1", $"training.precision={precision}", "pipeline.weights_first=never"], ConfigurationUse.Inspect),
            ByteSize.FromGibibytes(79), ByteSize.FromGibibytes(125));
        Assert.InRange(plan.Cost!.Time.Predicted / seconds, 0.85, 1.15);
        Assert.Equal(binds, plan.Cost.Time.Binds);
    }

    /// <summary>The same on two and four H200s of one host, in docs/benchmarks/2026-11-26-ranks.md, by the rates of an H100: ranks share products and links, and the host's memory is one.</summary>
    [Theory]
    [InlineData("7b", 2, 64, 5.319, "clipping")]
    [InlineData("7b", 4, 64, 5.382, "clipping")]
    [InlineData("7b", 4, 8, 1.550, "clipping")]
    [InlineData("14b", 4, 64, 11.27, "compute")]
    [InlineData("72b", 4, 16, 13.51, "compute", "adamw8bit", 0)]
    public void Plan_StepsOfRanksThatWereMeasured_ArePredicted(string size, int ranks, int batch, double seconds, string binds, string optimizer = "adamw", double clip = 1)
    {
        WriteQwen(size);
        var plan = RunPlanner.Plan(
            ConfigurationLoader.Load(_run.In("run.yaml"), ["data.sequence_length=1024", $"training.batch_size={batch}", $"training.gradient_accumulation={ranks}", $"training.max_grad_norm={clip}", $"optimizer.name={optimizer}", "pipeline.weights_first=never"], ConfigurationUse.Inspect),
            ByteSize.FromGibibytes(139), ByteSize.FromGibibytes(503), ranks: ranks);
        Assert.InRange(plan.Cost!.Time.Predicted / seconds, 0.85, 1.15);
        Assert.Equal((binds, ranks), (plan.Cost.Time.Binds, plan.Cost.Work.Ranks));
    }

    /// <summary>As much of the state follows its weights as head and backward leave time for; nothing where a rule cannot or nothing is clipped, and nothing on a processor.</summary>
    [Theory]
    [InlineData(64, 1, "adamw", 1, 1)]
    [InlineData(8, 1, "adamw", 0.2, 0.9)]
    [InlineData(64, 1, "adafactor", 0, 0)]
    [InlineData(64, 0, "adamw", 0, 0)]
    public void Plan_WeightsFirst_IsAsMuchAsBackwardLeavesTimeFor(int batch, double clip, string optimizer, double least, double most)
    {
        WriteQwen("7b");
        string[] set = ["data.sequence_length=1024", $"training.batch_size={batch}", FormattableString.Invariant($"training.max_grad_norm={clip}"), $"optimizer.name={optimizer}"];
        PlanReport Plan(ByteSize? device, params string[] more) => RunPlanner.Plan(ConfigurationLoader.Load(_run.In("run.yaml"), [.. set, .. more], ConfigurationUse.Inspect), device, ByteSize.FromGibibytes(125));
        var (auto, never) = (Plan(ByteSize.FromGibibytes(79)), Plan(ByteSize.FromGibibytes(79), "pipeline.weights_first=never"));
        Assert.InRange(auto.WeightsFirst, least, most);
        Assert.Equal(0, never.WeightsFirst);
        Assert.Equal(0, Plan(null, "device=cpu").WeightsFirst);
        Assert.True(auto.WeightsFirst == 0 ? auto.Cost!.Time == never.Cost!.Time : auto.Cost!.Time.Predicted < never.Cost!.Time.Predicted);
        if (least > 0) Assert.Equal(1, Plan(ByteSize.FromGibibytes(79), "pipeline.weights_first=always").WeightsFirst);
        else Assert.Contains("pipeline.weights_first is always", Assert.Throws<HorizonException>(() => Plan(ByteSize.FromGibibytes(79), "pipeline.weights_first=always")).Message, StringComparison.Ordinal);
    }

    /// <summary>Six layers of Qwen3-30B-A3B's shape on an H100, 8 x 4,096 tokens, all recomputed, in docs/benchmarks/2026-11-26-experts.md: device memory within 12 % above what was held, and with clipping the step's time within 15 %.</summary>
    [Theory]
    [InlineData("adamw", 1, 1, null, 1.344)]
    [InlineData("adamw8bit", 0, 1, 25.4, null)]
    [InlineData("adamw8bit", 0, 8, 15.65, null)]
    public void Plan_ExpertsThatWereMeasured_ArePredicted(string optimizer, double clip, int parts, double? gibibytes, double? seconds)
    {
        Directory.CreateDirectory(_run.In("experts"));
        _run.Write("experts/config.json", """
            {"architectures": ["Qwen3MoeForCausalLM"], "hidden_size": 2048, "intermediate_size": 6144, "moe_intermediate_size": 768, "num_hidden_layers": 6, "num_attention_heads": 32, "num_key_value_heads": 4,
             "head_dim": 128, "num_experts": 128, "num_experts_per_tok": 8, "norm_topk_prob": true, "vocab_size": 151936, "max_position_embeddings": 40960, "tie_word_embeddings": false}
            """);
        var plan = RunPlanner.Plan(
            ConfigurationLoader.Load(_run.In("run.yaml"), [$"model.path={_run.In("experts")}", "model.init=random", "data.path=", "data.packing=false", "data.sequence_length=4096", "training.batch_size=8", $"training.max_grad_norm={clip}", $"training.expert_parts={parts}", "training.precision=bf16", $"optimizer.name={optimizer}", "pipeline.activations=recompute", "pipeline.weights_first=never"], ConfigurationUse.Inspect),
            ByteSize.FromGibibytes(79), ByteSize.FromGibibytes(125));
        if (gibibytes is { } held) Assert.InRange(plan.Needed(MemoryPlace.Device).Bytes / (held * (1L << 30)), 1, 1.12);
        if (seconds is { } measured) Assert.InRange(plan.Cost!.Time.Predicted / measured, 0.85, 1.15);
    }

    /// <summary>The context and libraries take 0.9 GiB of a GPU; what is left decides.</summary>
    [Theory]
    [InlineData("3GiB", "auto", "activations: 4 layer(s) keep: what fits with 5 % to spare")]
    [InlineData("973MiB", "auto", "activations: 4 layer(s) recompute: no layer's activations fit beside the inputs")]
    [InlineData("948644KiB", "auto", "activations: 1 layer(s) recompute, 3 offload: the inputs of all do not fit into device memory")]
    [InlineData("3GiB", "recompute", "activations: 4 layer(s) recompute, as configured")]
    [InlineData("3GiB", "offload", "activations: 4 layer(s) offload, as configured")]
    public async Task Plan_SaysWhatBecomesOfActivationsAndWhy(string gpu, string activations, string expected)
    {
        var run = await _run.RunAsync("plan", _run.In("run.yaml"), "--gpu-memory", gpu, "--host-memory", "2GiB", "--set", $"pipeline.activations={activations}", "--set", "training.batch_size=16");
        Assert.Equal((ExitCodes.Success, ""), (run.ExitCode, run.Error));
        Assert.Contains(expected, run.Output, StringComparison.Ordinal);
        Assert.Equal(activations == "offload" || expected.Contains("offload", StringComparison.Ordinal), run.Output.Contains("offloaded inputs", StringComparison.Ordinal));
    }

    /// <summary>Activations are planned for the tokens of the data's largest micro-batch, not for rows that none of them fills; without the data for full rows.</summary>
    [Fact]
    public void Plan_DocumentsOfUnequalLengths_IsForTheTokensThatAreThere()
    {
        _run.Write("docs.jsonl", string.Join('\n', Enumerable.Range(0, 50).Select(i => $"{{\"input_ids\": [{string.Join(", ", Enumerable.Range(1, 3 + (i % 11)))}]}}")));
        string[] set = ["data.packing=false", "data.format=tokens", "training.batch_size=16"];
        PlanReport Plan(params string[] more) => RunPlanner.Plan(
            ConfigurationLoader.Load(_run.In("run.yaml"), [.. set, .. more], ConfigurationUse.Inspect), new ByteSize(971L << 20), ByteSize.FromGibibytes(2));
        var (full, real) = (Plan(), Plan($"data.path={_run.In("docs.jsonl")}"));
        var inputs = real.Items.Single(item => item.Kind == "kept inputs").How;
        var tokens = int.Parse(inputs[(inputs.IndexOf('[', StringComparison.Ordinal) + 1)..inputs.IndexOf(", 64]", StringComparison.Ordinal)], System.Globalization.CultureInfo.InvariantCulture);
        Assert.InRange(tokens, 16 * 7, 16 * 13);
        Assert.Contains("of [1,024, 64]", full.Items.Single(item => item.Kind == "kept inputs").How, StringComparison.Ordinal);
        Assert.True(real.Needed(MemoryPlace.Device).Bytes < full.Needed(MemoryPlace.Device).Bytes);
    }

    [Theory]
    [InlineData("mermaid", "flowchart LR")]
    [InlineData("dot", "digraph")]
    public async Task Graph_DrawsTheConfiguredGraph(string format, string start)
    {
        var run = await _run.RunAsync("graph", _run.In("run.yaml"), "--format", format);
        Assert.Equal((ExitCodes.Success, ""), (run.ExitCode, run.Error));
        Assert.StartsWith(start, run.Output, StringComparison.Ordinal);
        Assert.All(["fetch", "upload", "recompute", "backward", "download", "update"], stage => Assert.Contains(stage, run.Output, StringComparison.Ordinal));
        Assert.DoesNotContain("waits for the whole step", run.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("max", "1000", "inactive_file 7", 2048L * 1024)]
    [InlineData("1000000", "400000", "anon 5\ninactive_file 50000", 650000)]
    [InlineData("100", "400", "inactive_file 0", 0)]
    public void AvailableBytes_InsideAControlGroup_IsTheSmallest(string limit, string used, string stat, long expected)
    {
        _run.Write("proc/meminfo", "MemTotal: 4096 kB\nMemAvailable:    2048 kB\n");
        _run.Write("proc/self/cgroup", "0::/jobs/a\n");
        _run.Write("sys/fs/cgroup/jobs/memory.max", limit);
        _run.Write("sys/fs/cgroup/jobs/memory.current", used);
        _run.Write("sys/fs/cgroup/jobs/memory.stat", stat);
        Assert.Equal(expected, MachineMemory.AvailableBytes(_run.Path));
    }

    [Fact]
    public void AvailableBytes_OldControlGroups_CountToo()
    {
        _run.Write("proc/meminfo", "MemAvailable:    2048 kB\n");
        _run.Write("proc/self/cgroup", "4:cpu:/x\n3:memory:/\n");
        _run.Write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9000");
        _run.Write("sys/fs/cgroup/memory/memory.usage_in_bytes", "1000");
        Assert.Equal(8000, MachineMemory.AvailableBytes(_run.Path));
    }

    [Fact]
    public void AvailableBytes_Nothing_AsksTheRuntime() => Assert.True(MachineMemory.AvailableBytes(_run.Path) > 0);

    private void WriteQwen(string size)
    {
        var (hidden, layers, heads, keys, inner, vocabulary, tied) = size switch
        {
            "72b" => (8192, 80, 64, 8, 29568, 152064, "false"),
            "14b" => (5120, 48, 40, 8, 13824, 152064, "false"),
            "7b" => (3584, 28, 28, 4, 18944, 152064, "false"),
            _ => (1536, 28, 12, 2, 8960, 151936, "true"),
        };
        _run.Write("config.json", $$"""
            { "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_size": {{hidden}}, "num_hidden_layers": {{layers}}, "num_attention_heads": {{heads}}, "num_key_value_heads": {{keys}},
              "intermediate_size": {{inner}}, "vocab_size": {{vocabulary}}, "max_position_embeddings": 8192, "rms_norm_eps": 1e-6, "tie_word_embeddings": {{tied}} }
            """);
    }
}
