using System.Globalization;
using FsCheck;
using FsCheck.Fluent;
using Horizon.Flow.Alignment.Policies;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Runs.Sections;
using Horizon.Flow.Text.Data;
using Horizon.Flow.Units;

namespace Horizon.Flow.Runs.Tests.Loading;

/// <summary>Random configurations that the validator accepts when only the model is needed.</summary>
public static class RunConfigurations
{
    private static readonly string[] Words =
        ["a", "null", "~", "true", "1e-4", "[x]", "# no comment", "two words", "layers.*.norm", "line\nbreak", "tab\t", "ünïcödé 猫", "\"quoted\"", "a: b", "-", "Null", "'", "\\", "\u0085\u2028x", "*", "&a", "!t", "%", "@", "`"];

    public static Arbitrary<RunConfiguration> Arbitrary() => Arb.From(Generator);

    private static Gen<RunConfiguration> Generator =>
        from model in Model
        from data in Data
        from training in Training
        from optimizer in Optimizer
        from schedule in Schedule(optimizer.LearningRate)
        from evaluationPath in Path
        from steps in Gen.Choose(0, 1000)
        from keep in Gen.Choose(1, 9)
        from output in Path
        from device in Gen.Elements("auto", "cpu", "cuda:0", "cuda:15")
        from buffers in Gen.Choose(1, 64)
        from slabs in Gen.Choose(1, 64)
        from activations in Gen.Elements("auto", "recompute", "keep", "offload")
        select new RunConfiguration
        {
            Model = model,
            Data = data,
            Training = Fitting(model.Init == ModelInit.Pretrained ? training : training with { Adapter = new() }),
            Rollouts = training.Objective.Name == "dapo" ? new()
            {
                Prompts = keep, Group = keep + 1, MaxTokens = buffers, Temperature = buffers / 8.0, EverySteps = slabs,
                Server = keep % 2 == 0 ? new() : new() { Url = "http://far:8000/v1", Model = "null", Kind = ServerKind.Vllm, Chat = keep > 5, Folder = output, AtOnce = buffers, KeyVariable = "KEY", Patience = slabs / 8.0 },
                Rewards = keep < 5 ? new() { Command = ["python3", "a b.py"], Patience = buffers } : new() { Contains = "e", Passing = slabs / 8.0 },
            } : new(),
            Optimizer = optimizer,
            Schedule = schedule,
            Evaluation = new()
            {
                Path = evaluationPath, EverySteps = evaluationPath is null ? 0 : steps, Patience = evaluationPath is null || steps == 0 || keep > 5 ? null : keep, MinDelta = keep / 8.0,
            },
            Checkpoint = new() { EverySteps = steps, Keep = keep, KeepBest = evaluationPath is not null && steps > 0 && keep % 2 == 0 },
            Logging = new() { EverySteps = slabs },
            Output = new() { Directory = output, Overwrite = keep % 2 == 0 },
            Device = device,
            Pipeline = new() { DeviceBuffers = buffers, GradientSlabs = slabs, Activations = activations },
        };

    private static Gen<ModelSection> Model =>
        from init in Gen.Elements(Enum.GetValues<ModelInit>())
        from tokens in Texts
        select new ModelSection { Path = System.IO.Path.GetTempPath(), Init = init, AdditionalSpecialTokens = tokens };

    private static Gen<DataSection> Data =>
        from path in Path
        from format in Gen.Elements(Enum.GetValues<DataFormat>())
        from length in Gen.OneOf(Gen.Constant<int?>(null), Gen.Choose(1, 100_000).Select(tokens => (int?)tokens))
        from tooLong in Gen.Elements(Enum.GetValues<TooLong>())
        from bad in Gen.Elements(0, 0.001, 1)
        from flags in Gen.Choose(0, 15)
        from template in Gen.OneOf(Path, Gen.Elements(Horizon.Flow.Text.Templates.KnownTemplates.Names.ToArray()).Select(name => (string?)name))
        select new DataSection
        {
            Path = path,
            Format = format,
            SequenceLength = length,
            TooLong = tooLong,
            MaxBadShare = bad,
            Packing = (flags & 1) != 0,
            Shuffle = (flags & 2) != 0,
            TrainOnPrompt = (flags & 4) != 0,
            GroupByLength = (flags & 9) == 8,
            ChatTemplate = template,
        };

    private static Gen<TrainingSection> Training =>
        from batch in Gen.Choose(1, 4096)
        from accumulation in Gen.Choose(1, 64)
        from steps in Gen.Elements<long?>(null, 0, 1, 200, long.MaxValue)
        from epochs in Gen.OneOf(Gen.Constant<int?>(null), Gen.Choose(1, 10).Select(number => (int?)number))
        from seed in Gen.Elements(0L, 42, long.MaxValue)
        from precision in Gen.Elements(Enum.GetValues<TrainingPrecision>())
        from clip in Gen.OneOf(Gen.Constant<double?>(null), NotNegative.Select(number => (double?)number))
        from interval in Gen.Choose(1, 100)
        from freeze in Texts
        from skipped in Gen.Elements<int?>(null, 0, 3)
        from spike in Gen.OneOf(Gen.Constant<double?>(null), NotNegative.Select(number => (double?)number))
        from checks in Gen.Elements(true, false)
        from objective in Objective
        select new TrainingSection
        {
            Objective = objective,
            MaxSkippedSteps = skipped,
            LossSpikeDeviations = spike,
            CheckOutputs = checks,
            Deterministic = seed % 2 == 0,
            BatchSize = batch,
            GradientAccumulation = accumulation,
            MaxSteps = steps,
            Epochs = epochs,
            Seed = seed,
            Precision = precision,
            Fp8 = precision == TrainingPrecision.Fp8 ? new() { Scaling = checks ? Fp8Scaling.Block : Fp8Scaling.Row, Gradients = checks ? Fp8Format.E4M3 : Fp8Format.E5M2, FastForward = !checks, FastGradients = checks, Fp8Tapes = checks, Bf16Layers = freeze } : new(),
            MaxGradNorm = clip,
            RecomputeInterval = interval,
            Freeze = freeze,
            LabelSmoothing = checks ? 0.125 : 0,
            NeftuneAlpha = interval / 8.0,
            Adapter = checks ? new() { Rank = interval, Alpha = clip > 0 ? clip : null, Targets = seed % 2 == 0 ? ["q_proj", "mlp.down_proj"] : ["all-linear"], RankStabilized = seed % 2 == 0 } : new(),
        };

    private static Gen<ObjectiveSection> Objective =>
        from number in Positive
        from share in Share
        from flag in Gen.Elements(true, false)
        from objective in Gen.Elements(
            new ObjectiveSection(),
            new ObjectiveSection { Name = "dpo", Beta = number, LabelSmoothing = share / 2, LengthNormalised = flag },
            new ObjectiveSection { Name = "kto", DesirableWeight = number, UndesirableWeight = number },
            new ObjectiveSection { Name = "simpo", Beta = number, Margin = share },
            new ObjectiveSection { Name = "orpo", Lambda = number },
            new ObjectiveSection { Name = "ipo", Reference = ReferenceSource.Held },
            new ObjectiveSection { Name = "dapo", ClipLow = share, ClipHigh = number },
            new ObjectiveSection { Name = "cpo", LikelihoodWeight = share })
        select objective;

    // What an objective of prompts leaves out.
    private static TrainingSection Fitting(TrainingSection training) => training.Objective.Name == "dapo" ? training with { GradientAccumulation = 1, NeftuneAlpha = 0, Adapter = new() } : training;

    private static Gen<OptimizerSection> Optimizer =>
        from name in Gen.Elements(OptimizerFactory.Names.ToArray())
        from rate in Positive
        from beta1 in Share
        from beta2 in Share
        from eps in Positive
        from decay in NotNegative
        from momentum in Share
        from groups in Group.ListOf().Resize(3)
        select new OptimizerSection
        {
            Name = name,
            LearningRate = rate,
            Betas = beta1 < 0.1 ? null : [beta1, beta2],
            Eps = eps,
            WeightDecay = decay,
            Momentum = momentum,
            Groups = [.. groups],
        };

    private static Gen<OptimizerGroup> Group =>
        from pattern in Gen.Elements(Words)
        from factor in NotNegative
        from decay in Gen.OneOf(Gen.Constant<double?>(null), NotNegative.Select(number => (double?)number))
        select new OptimizerGroup { Pattern = pattern, LearningRateFactor = factor, WeightDecay = decay };

    private static Gen<ScheduleSection> Schedule(double highest) =>
        from name in Gen.Elements(LearningRateSchedule.Names.ToArray())
        from warmup in Gen.Choose(0, 5000)
        from share in Share
        from fraction in Share
        from cycles in Gen.Choose(1, 9)
        select new ScheduleSection
        {
            Name = name, WarmupSteps = cycles > 5 ? 0 : warmup, WarmupRatio = cycles > 5 ? share : 0, MinLearningRate = highest * share, DecayFraction = 1 - fraction, Cycles = cycles, Power = cycles / 2.0,
        };

    private static Gen<ValueList<string>> Texts => Gen.Elements(Words).ListOf().Resize(4).Select(words => (ValueList<string>)[.. words]);

    private static Gen<string?> Path => Gen.OneOf(
        Gen.Constant<string?>(null),
        Gen.Elements(Words).Select(word => (string?)System.IO.Path.GetFullPath("/data/" + word)));

    private static Gen<double> Share => Gen.Choose(0, 999_999).Select(number => number / 1_000_000.0);

    private static Gen<double> NotNegative => Gen.OneOf(Gen.Constant(0.0), Positive);

    // Digits and exponents of every size, written and read back, so that no number is too odd.
    private static Gen<double> Positive =>
        from digits in Gen.Choose(1, int.MaxValue)
        from exponent in Gen.Choose(-300, 290)
        select double.Parse(string.Create(CultureInfo.InvariantCulture, $"{digits}e{exponent}"), CultureInfo.InvariantCulture);
}
