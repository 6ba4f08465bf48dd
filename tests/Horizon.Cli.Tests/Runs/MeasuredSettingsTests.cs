using Horizon.Flow.Activations;
using Horizon.Flow.Bench;
using Horizon.Flow.Runs.Blueprint;
using Horizon.Flow.Runs.Loading;
using Horizon.Flow.Runs.Planning;
using Horizon.Flow.Runs.Validation;

namespace Horizon.Flow.Cli.Tests.Runs;

/// <summary>
/// The plan beside what settings of <c>horizon-bench plan</c> took on two machines with an H100 (docs/benchmarks/2026-11-26-plan.md), whose rates were measured in the same call: the
/// driver's device memory, the process's resident memory and the mean step; before updates took weights first and before a kernel had the ordered sums of whole rows.
/// </summary>
public sealed class MeasuredSettingsTests : IDisposable
{
    private static readonly MachineRates First = new("first", 759.5e12, 53.2e9, 53.0e9, 110.0e9, 2880e9, 1e9, "measured") { SingleOperations = 44.6e12, Processors = 16 };
    private static readonly MachineRates Second = new("second", 717.5e12, 53.4e9, 53.7e9, 134.5e9, 2917e9, 1e9, "measured") { SingleOperations = 44.6e12, Processors = 16 };

    private readonly RunFolder _run = new();

    public void Dispose() => _run.Dispose();

    /// <summary>Device memory is never below what was used, and within 5 % of it; host memory the same within 4 % (within 3 % but for adapters); the step is within 15 %.</summary>
    /// <param name="name">The setting.</param>
    /// <param name="keep">Layers that kept all, the last ones.</param>
    /// <param name="narrow">Layers before them that kept what is narrow.</param>
    /// <param name="tokens">Of the step, without padding.</param>
    /// <param name="device">Bytes.</param>
    /// <param name="host">Bytes.</param>
    /// <param name="seconds">Of a step.</param>
    /// <param name="most">Tokens of the largest micro-batch, where rows were not full.</param>
    /// <param name="machine">1 or 2.</param>
    [Theory]
    [InlineData("0.5b", 24, 0, 32_768, 24_890_638_336, 8_766_095_360, 0.309)]
    [InlineData("1.5b", 19, 9, 65_536, 75_616_550_912, 23_880_650_752, 1.342)]
    [InlineData("1.5b-24gib", 18, 10, 16_384, 21_942_108_160, 23_844_892_672, 0.581)]
    [InlineData("1.5b-16gib", 20, 8, 8_192, 14_044_233_728, 23_811_809_280, 0.473)]
    [InlineData("3b-24gib", 6, 30, 16_384, 21_384_265_728, 33_373_446_144, 0.954)]
    [InlineData("1.5b-chats", 28, 0, 20_782, 35_930_046_464, 23_768_887_296, 0.587, 22_011)]
    [InlineData("0.5b-fp32", 24, 0, 8_192, 16_925_655_040, 9_790_279_680, 0.773)]
    [InlineData("1.5b-keep", 28, 0, 16_384, 27_814_068_224, 23_687_823_360, 0.558)]
    [InlineData("gemma3-1b", 0, 0, 16_384, 10_382_540_800, 16_414_330_880, 0.688)]
    [InlineData("1.5b-adapters", 28, 0, 32_768, 48_301_146_112, 4_553_826_304, 0.540)]
    [InlineData("llama3.2-1b", 16, 0, 65_536, 61_137_813_504, 19_640_709_120, 1.091)]
    [InlineData("qwen3-1.7b", 28, 0, 32_768, 54_837_968_896, 26_629_230_592, 0.894)]
    [InlineData("1.5b-fp8", 20, 0, 65_536, 74_794_467_328, 23_855_202_304, 1.092)]
    [InlineData("3b-8bit", 34, 2, 32_768, 77_344_604_160, 27_311_243_264, 1.643)]
    [InlineData("1.5b-no-clip", 28, 0, 16_384, 27_809_873_920, 22_624_849_920, 0.469)]
    [InlineData("0.5b-accumulated", 24, 0, 32_768, 14_050_459_648, 10_295_107_584, 0.559, null, 2)]
    [InlineData("1.5b-65536", 17, 11, 65_536, 77_692_731_392, 23_812_980_736, 4.958, null, 2)]
    [InlineData("1.5b-packed", 19, 9, 65_058, 75_335_532_544, 23_797_579_776, 1.308, 65_311, 2)]
    [InlineData("1.5b-8192", 19, 9, 65_536, 75_616_550_912, 23_851_786_240, 1.783, null, 2)]
    [InlineData("1.5b-recompute", 0, 0, 65_536, 14_264_369_152, 23_724_068_864, 1.442, null, 2)]
    public void Budget_AndTime_AreWhatWasMeasured(string name, int keep, int narrow, int tokens, long device, long host, double seconds, int? most = null, int machine = 1)
    {
        var (budget, time) = Plan(name, keep, narrow, tokens, most, machine);
        Assert.InRange(budget.DeviceBytes / (double)device, 1, 1.05);
        Assert.InRange(budget.HostBytes / (double)host, 1, name == "1.5b-adapters" ? 1.04 : 1.03);
        Assert.InRange(time.Predicted / seconds, 0.85, 1.15);
    }

    /// <summary>Rows longer than 65,536 tokens are cut, and take less than one of 65,536, which the data may have as well: the plan is for that.</summary>
    [Fact]
    public void Budget_OfARowThatIsCut_IsForTheLongestThatIsNot()
    {
        var (budget, time) = Plan("0.5b-131072", 24, 0, 131_072, null, 2);
        Assert.InRange(budget.DeviceBytes / 33_969_209_344.0, 1, 2);
        Assert.InRange(budget.HostBytes / 8_822_808_576.0, 1, 1.03);
        Assert.InRange(time.Predicted / 9.740, 0.85, 1.15);
    }

    /// <summary>
    /// <c>horizon train</c> of small models of the Llama kind on two processors, by peak resident memory (docs/benchmarks/2026-11-26-plan.md): the plan is an upper bound, since the gaps of the C library's heap are not
    /// the same in each run.
    /// </summary>
    [Theory]
    [InlineData(256, 32, 1024, 512, 8, 256, "fp32", "recompute", 1243)]
    [InlineData(256, 8, 1024, 512, 8, 256, "fp32", "recompute", 650)]
    [InlineData(256, 8, 1024, 512, 8, 256, "fp32", "keep", 851)]
    [InlineData(256, 8, 1024, 512, 1, 256, "fp32", "recompute", 414)]
    [InlineData(256, 8, 1024, 512, 4, 256, "bf16", "recompute", 456)]
    [InlineData(384, 32, 768, 16_384, 4, 64, "fp32", "keep", 1559)]
    [InlineData(128, 4, 256, 16_384, 2, 512, "bf16", "keep", 504)]
    [InlineData(512, 20, 1536, 512, 2, 128, "fp32", "keep", 1624)]
    [InlineData(384, 20, 1152, 512, 2, 512, "bf16", "keep", 1175)]
    [InlineData(384, 2, 1536, 512, 2, 256, "bf16", "keep", 399)]
    [InlineData(256, 2, 512, 16_384, 1, 128, "bf16", "keep", 442)]
    [InlineData(128, 20, 256, 4096, 2, 128, "bf16", "keep", 343)]
    [InlineData(512, 12, 1536, 512, 1, 64, "bf16", "recompute", 859)]
    [InlineData(256, 2, 768, 512, 12, 512, "fp32", "recompute", 773)]
    [InlineData(512, 4, 2048, 512, 8, 512, "fp32", "keep", 1853)]
    [InlineData(256, 8, 512, 16_384, 2, 512, "fp32", "recompute", 684)]
    [InlineData(384, 12, 1536, 16_384, 6, 256, "fp32", "recompute", 1381)]
    public void Plan_OnTheCpu_CoversWhatWasUsed(int hidden, int layers, int inner, int vocabulary, int rows, int tokens, string precision, string activations, int megabytes)
    {
        var heads = hidden == 256 ? 4 : hidden / 64;
        _run.Write("config.json", $$"""
            { "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": {{hidden}}, "intermediate_size": {{inner}}, "num_hidden_layers": {{layers}}, "num_attention_heads": {{heads}},
              "num_key_value_heads": {{heads}}, "vocab_size": {{vocabulary}}, "max_position_embeddings": 4096, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": false, "hidden_act": "silu" }
            """);
        _run.Write("run.yaml", $$"""
            model: { path: ., init: random }
            data: { sequence_length: {{tokens}}, packing: false }
            training: { batch_size: {{rows}}, precision: {{precision}} }
            pipeline: { activations: {{activations}} }
            device: cpu
            """);
        var plan = RunPlanner.Plan(ConfigurationLoader.Load(_run.In("run.yaml"), use: ConfigurationUse.Inspect));
        Assert.InRange(plan.Needed(Resources.MemoryPlace.Host).Bytes / 1e6 / megabytes, 1, 1.28);
    }

    private (Resources.MemoryBudget Budget, StepTime Time) Plan(string name, int keep, int narrow, int tokens, int? most, int machine)
    {
        var setting = PlanSetting.Named(name);
        Directory.CreateDirectory(_run.In("shape"));
        _run.Write("shape/config.json", setting.Model);
        _run.Write("run.yaml", $$"""
            model: { path: shape, init: {{(setting.HasAdapter ? "pretrained" : "random")}} }
            data: { sequence_length: {{setting.Row}}, packing: false }
            training: { batch_size: {{setting.Batch}} }
            """);
        var blueprint = RunBlueprint.Of(ConfigurationLoader.Load(_run.In("run.yaml"), setting.Keys, ConfigurationUse.Inspect));
        var layers = blueprint.Model.Hidden.Count;
        ActivationChoice choice = new([.. Enumerable.Range(0, layers).Select(layer =>
            layer >= layers - keep ? ActivationPolicy.Keep : layer >= layers - keep - narrow ? ActivationPolicy.KeepNarrow : ActivationPolicy.Recompute)]);
        var work = StepWork.Of(blueprint.Plan(), blueprint.Precision, choice, tokens, setting.Documents ?? setting.Row);
        return (blueprint.Budget(activations: choice, gpu: true, mostTokens: most), StepTime.Of(work, machine == 1 ? First : Second, blueprint.Precision, gpu: true));
    }
}
