using Horizon.Flow.Runs.Conversion;
using Horizon.Flow.Runs.Loading;
using Horizon.Flow.Runs.Sections;
using Horizon.Flow.Runs.Validation;
using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Text.Data;

namespace Horizon.Flow.Runs.Tests.Conversion;

public sealed class RecipeConverterTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public RecipeConverterTests() => _folder.Write("m/config.json", "{}");

    public void Dispose() => _folder.Dispose();

    /// <summary>A recipe in LLaMA-Factory's manner, its table of data sets beside it.</summary>
    [Fact]
    public void Convert_LlamaFactory_CarriesWhatItSaysAndWritesItsDefaults()
    {
        _folder.Write("data/dataset_info.json", """
            { "talks": { "file_name": "talks.json", "formatting": "sharegpt", "columns": { "messages": "dialogue" }, "tags": { "role_tag": "who", "user_tag": "customer", "assistant_tag": "gpt" } },
              "hub": { "hf_hub_url": "some/where", "split": "train_sft" } }
            """);
        var (recipe, run) = Convert("""
            ### model
            model_name_or_path: ./m
            trust_remote_code: true
            ### method
            stage: sft
            do_train: true
            finetuning_type: full
            deepspeed: examples/z3.json
            use_galore: false
            ### dataset
            dataset: talks, hub
            template: chatml
            cutoff_len: 4096
            mask_history: true
            new_special_tokens: <a>,<b>
            preprocessing_num_workers: 16
            ### output
            output_dir: saves/x
            save_steps: 500
            save_total_limit: 3
            load_best_model_at_end: true
            report_to: wandb
            ### train
            per_device_train_batch_size: 2
            gradient_accumulation_steps: 8
            learning_rate: 1.0e-4
            num_train_epochs: 2.5
            lr_scheduler_type: cosine_with_restarts
            warmup_steps: 0.1
            neftune_noise_alpha: 5
            label_smoothing_factor: 0.05
            optim: paged_adamw_8bit
            adam_beta2: 0.95
            fp16: true
            ### eval
            val_size: 0.1
            eval_strategy: steps
            eval_steps: 500
            early_stopping_steps: 3
            a_key_of_tomorrow: 1
            """);
        Assert.Equal("LLaMA-Factory", recipe.Tool);
        Assert.Equal(
            new RunConfiguration
            {
                Model = new() { Path = In("m"), AdditionalSpecialTokens = ["<a>", "<b>"] },
                Data = new()
                {
                    Sets = [new() { Path = In("data/talks.json") }, new() { Path = In("some/where"), Split = "train_sft" }],
                    Columns = new() { Turns = "dialogue", Role = "who" },
                    Roles = new() { User = ["customer"] },
                    SequenceLength = 4096,
                    Packing = false,
                    TrainOn = TrainOn.Last,
                    ChatTemplate = "chatml",
                },
                Training = new() { BatchSize = 2, GradientAccumulation = 8, Epochs = 3, NeftuneAlpha = 5, LabelSmoothing = 0.05 },
                Optimizer = new() { Name = "adamw8bit", LearningRate = 1e-4, Betas = [0.9, 0.95], WeightDecay = 0 },
                Schedule = new() { Name = "cosine_with_restarts", WarmupRatio = 0.1 },
                Evaluation = new() { Fraction = 0.1, EverySteps = 500, Patience = 3 },
                Checkpoint = new() { EverySteps = 500, Keep = 3, KeepBest = true },
                Output = new() { Directory = In("saves/x") },
            },
            run);
        Assert.Equal(["a_key_of_tomorrow"], recipe.Unknown);
        Assert.Empty(recipe.Missing);
        Assert.Contains("num_train_epochs: 2.5 is 3 here, where epochs are whole: set training.max_steps for a part of one.", recipe.Changed);
        Assert.Contains(recipe.Changed, change => change.StartsWith("fp16: bf16 takes the place", StringComparison.Ordinal));
        Assert.Contains("optimizer.weight_decay is set to 0, the default of LLaMA-Factory.", recipe.Changed);
        Assert.Contains(recipe.Changed, change => change.Contains("some/where", StringComparison.Ordinal));
        Assert.Equal(["trust_remote_code", "stage", "do_train", "finetuning_type", "deepspeed", "preprocessing_num_workers", "report_to", "eval_strategy"], recipe.NotNeeded);
    }

    /// <summary>A recipe in axolotl's manner.</summary>
    [Fact]
    public void Convert_Axolotl_CarriesWhatItSaysAndNamesWhatItCannot()
    {
        var (recipe, run) = Convert("""
            base_model: ./m
            load_in_8bit: false
            load_in_4bit: true
            chat_template: tokenizer_default
            datasets:
              - path: ./talks.jsonl
                type: chat_template
                field_messages: dialogue
                message_property_mappings:
                  role: who
                  content: said
                roles:
                  assistant: [robot]
              - path: ./texts
                type: completion
                split: train[:10%]
            val_set_size: 0
            sequence_len: 8192
            sample_packing: true
            adapter: qlora
            wandb_project:
            micro_batch_size: 4
            gradient_accumulation_steps: 2
            max_steps: 100
            optimizer: adamw_torch_fused
            lr_scheduler: cosine
            cosine_min_lr_ratio: 0.1
            learning_rate: 2e-5
            train_on_inputs: true
            bf16: auto
            flash_attention: true
            early_stopping_patience: 3
            evals_per_epoch: 4
            logging_steps: 1
            warmup_ratio: 0.05
            weight_decay: 0.1
            tokens: ["<a>"]
            output_dir: ./out
            """);
        Assert.Equal("axolotl", recipe.Tool);
        Assert.Equal(
            new RunConfiguration
            {
                Model = new() { Path = In("m"), AdditionalSpecialTokens = ["<a>"] },
                Data = new()
                {
                    Sets = [new() { Path = In("talks.jsonl") }, new() { Path = In("texts"), Format = DataFormat.Text }],
                    Columns = new() { Turns = "dialogue", Role = "who", Content = "said" },
                    Roles = new() { Assistant = ["robot"] },
                    SequenceLength = 8192,
                    TooLong = TooLong.Drop,
                    TrainOnPrompt = true,
                },
                Training = new() { BatchSize = 4, GradientAccumulation = 2, MaxSteps = 100, Adapter = new() { Rank = 8, Alpha = 16 } },
                Optimizer = new() { LearningRate = 2e-5, Betas = [0.9, 0.999], WeightDecay = 0.1 },
                Schedule = new() { Name = "cosine", WarmupRatio = 0.05, MinLearningRate = 2e-6 },
                Logging = new() { EverySteps = 1 },
                Output = new() { Directory = In("out") },
            },
            run);
        Assert.Equal(
            ["load_in_4bit", "datasets.split", "evals_per_epoch"],
            recipe.Missing.Select(missing => missing.Split(':')[0]));
        Assert.Contains("evaluation.patience is left out: nothing is held out to evaluate on.", recipe.Changed);
        Assert.Equal(["flash_attention"], recipe.NotNeeded);
        Assert.Empty(recipe.Unknown);
        Assert.All(recipe.ToString().Split('\n').Take(recipe.Notes.Count()), line => Assert.StartsWith("# ", line, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("model: { path: m }", "is no recipe of LLaMA-Factory, which has model_name_or_path, nor of axolotl")]
    [InlineData("- a", "is no recipe of LLaMA-Factory")]
    [InlineData("base_model: [", "this is not YAML")]
    public void Convert_AnotherFile_IsRefused(string yaml, string expected) =>
        Assert.Contains(expected, Assert.Throws<HorizonException>(() => RecipeConverter.Convert(yaml, "a.yaml", _folder.Path)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("stage: ppo", "stage: ppo: what it learns from answers of its own, or in another way, is in docs/alignment.md.")]
    [InlineData("stage: dpo\npref_loss: bco_pair", "pref_loss: bco_pair: training.objective.name is one of next_token")]
    [InlineData("stage: dpo\npref_ftx: 0.1", "pref_ftx: training.objective has no such option, see docs/alignment.md.")]
    [InlineData("stage: rm\nfinetuning_type: lora", "adapters of a reward model: it has a score to learn, so all parameters are trained.")]
    [InlineData("finetuning_type: freeze", "finetuning_type: freeze: all parameters are trained, or low-rank adapters (training.adapter).")]
    [InlineData("use_dora: true", "use_dora: all parameters are trained, or low-rank adapters by training.adapter, which has no such option.")]
    [InlineData("lr_scheduler_type: reduce_lr_on_plateau", "lr_scheduler: reduce_lr_on_plateau: cosine takes its place.")]
    [InlineData("optim: lomo", "optim: lomo: adamw takes its place; another optimizer is a few lines of code, see examples/CustomOptimizer.")]
    [InlineData("val_size: 200", "val_size: 200 is a number of examples; evaluation.fraction is a share of them.")]
    [InlineData("save_steps: 0.1", "save_steps: 0.1 is a share of the run; checkpoint.every_steps is a number of steps, see 'horizon plan'.")]
    public void Convert_WhatHasNoCounterpart_IsSaid(string keys, string expected)
    {
        var (recipe, _) = Convert($"model_name_or_path: ./m\ndataset: a.jsonl\noutput_dir: out\n{keys}\n");
        Assert.Contains(recipe.Missing, missing => missing.StartsWith(expected, StringComparison.Ordinal));
    }

    /// <summary>What is learned from preferences, by the names that both tools have for it.</summary>
    [Theory]
    [InlineData("model_name_or_path: ./m\nstage: dpo\npref_beta: 0.2\npref_loss: sigmoid\ndpo_label_smoothing: 0.1", "{ name: dpo, beta: 0.2, label_smoothing: 0.1 }")]
    [InlineData("model_name_or_path: ./m\nstage: dpo", "{ name: dpo, beta: 0.1 }")]
    [InlineData("model_name_or_path: ./m\nstage: dpo\npref_loss: orpo\npref_beta: 0.3", "{ name: orpo, lambda: 0.3 }")]
    [InlineData("model_name_or_path: ./m\nstage: dpo\npref_loss: simpo\npref_beta: 2.5\nsimpo_gamma: 1.5", "{ name: simpo, beta: 2.5, margin: 1.5 }")]
    [InlineData("model_name_or_path: ./m\nstage: kto\nkto_chosen_weight: 2", "{ name: kto, beta: 0.1, desirable_weight: 2 }")]
    [InlineData("model_name_or_path: ./m\nstage: rm", "{ name: reward }")]
    [InlineData("base_model: ./m\nrl: ipo\nrl_beta: 0.4", "{ name: ipo, beta: 0.4 }")]
    [InlineData("base_model: ./m\nrl: orpo\norpo_alpha: 0.2", "{ name: orpo, lambda: 0.2 }")]
    [InlineData("base_model: ./m\nrl: kto\nkto_undesirable_weight: 0.5", "{ name: kto, beta: 0.1, undesirable_weight: 0.5 }")]
    [InlineData("base_model: ./m\nreward_model: true\ncenter_rewards_coefficient: 0.01\nnum_labels: 1", "{ name: reward, centering: 0.01 }")]
    public void Convert_Preferences_NamesTheObjective(string keys, string objective)
    {
        var data = keys.StartsWith("base_model", StringComparison.Ordinal) ? "datasets: [{ path: ./a.jsonl, type: chatml.intel }]" : "dataset: a.jsonl\nmask_history: true";
        var (recipe, run) = Convert($"{keys}\n{data}\nfinetuning_type: full\noutput_dir: out\n");
        var expected = ConfigurationLoader.Parse($"model: {{ path: m }}\ndata: {{ path: a.jsonl }}\ntraining: {{ objective: {objective} }}\noutput: {{ directory: out }}\n", "run.yaml", _folder.Path, use: ConfigurationUse.Train);
        Assert.Equal(expected.Training.Objective, run.Training.Objective);
        Assert.Equal(TrainOn.Answers, run.Data.TrainOn);
        Assert.Empty(recipe.Missing);
    }

    /// <summary>LLaMA-Factory's alpaca columns and axolotl's kinds of preferences, whose prompts are turns.</summary>
    [Fact]
    public void Convert_Preferences_NamesTheirColumns()
    {
        _folder.Write("data/dataset_info.json", """
            { "pairs": { "file_name": "talks.json", "ranking": true, "columns": { "prompt": "prompt", "query": "input", "chosen": "better", "rejected": "worse" } } }
            """);
        var (_, run) = Convert("model_name_or_path: ./m\nstage: dpo\ndataset: pairs\noutput_dir: out\n");
        Assert.Equal(new DataColumns { Prompt = "prompt", Chosen = "better", Rejected = "worse" }, run.Data.Columns);
        var (_, rated) = Convert("base_model: ./m\nrl: kto\ndatasets: [{ path: ./a.jsonl, type: chatml.intel }]\noutput_dir: out\n");
        Assert.Equal(new DataColumns { Prompt = "question", Answer = "completion" }, rated.Data.Columns);
        Assert.Contains("pairs holds preferences, and the recipe learns none", Assert.Single(Convert("model_name_or_path: ./m\nfinetuning_type: full\ndataset: pairs\noutput_dir: out\n").Recipe.Missing), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("model_name_or_path: ./m\nfinetuning_type: lora\nlora_rank: 16\nlora_target: q_proj,v_proj", "{ rank: 16, alpha: 32, targets: [q_proj, v_proj] }", 0)]
    [InlineData("model_name_or_path: ./m", "{ rank: 8, alpha: 16 }", 1)]
    [InlineData("base_model: ./m\nadapter: lora\nlora_r: 32\nlora_alpha: 8\nlora_target_linear: true\nlora_dropout: 0\npeft_use_rslora: true", "{ rank: 32, alpha: 8, rank_stabilized: true }", 0)]
    [InlineData("base_model: ./m\nadapter: qlora\nlora_r: 32\nlora_target_modules: [q_proj]\nlora_dropout: 0.05", "{ rank: 32, alpha: 16, targets: [q_proj] }", 2)]
    [InlineData("base_model: ./m\nadapter: lora\nlora_r: 32\nlora_model_dir: ./m", "{ path: m }", 0)]
    [InlineData("base_model: ./m\nlora_r: 32", "{}", 0)]
    public void Convert_Adapters_AreTheSectionOfTheirOwn(string keys, string adapter, int notes)
    {
        var data = keys.StartsWith("base_model", StringComparison.Ordinal) ? "datasets: [{ path: ./a.jsonl, type: chat_template }]" : "dataset: a.jsonl";
        var (recipe, run) = Convert($"{keys}\n{data}\noutput_dir: out\n");
        var expected = ConfigurationLoader.Parse($"model: {{ path: m }}\ndata: {{ path: a.jsonl }}\ntraining: {{ adapter: {adapter} }}\noutput: {{ directory: out }}\n", "run.yaml", _folder.Path, use: ConfigurationUse.Train);
        Assert.Equal(expected.Training.Adapter, run.Training.Adapter);
        Assert.Equal(notes, recipe.Changed.Count(change => change.Contains("lora", StringComparison.OrdinalIgnoreCase)));
        Assert.Empty(recipe.Missing);
    }

    /// <summary>axolotl writes fp8 beside bf16, in either order.</summary>
    [Theory]
    [InlineData("fp8: true\nbf16: true", TrainingPrecision.Fp8)]
    [InlineData("bf16: auto\nfp8: true\nfp8_enable_fsdp_float8_all_gather: true", TrainingPrecision.Fp8)]
    [InlineData("fp8: false\nbf16: true", TrainingPrecision.Bf16)]
    public void Convert_Fp8_IsThePrecision(string keys, TrainingPrecision expected)
    {
        var (recipe, run) = Convert($"base_model: ./m\ndatasets: [{{ path: ./a.jsonl, type: chat_template }}]\noutput_dir: out\n{keys}\n");
        Assert.Equal(expected, run.Training.Precision);
        Assert.Empty(recipe.Missing);
    }

    private string In(string name) => Path.Combine(_folder.Path, name);

    private (ConvertedRecipe Recipe, RunConfiguration Run) Convert(string yaml)
    {
        var recipe = RecipeConverter.Convert(yaml, "recipe.yaml", _folder.Path);
        foreach (var path in (string[])["a.jsonl", "talks.jsonl", "data/talks.json", "some/where", "texts"]) _folder.Write(path == "texts" ? "texts/a.txt" : path, "");
        return (recipe, ConfigurationLoader.Parse(recipe.ToString(), "run.yaml", _folder.Path, use: ConfigurationUse.Train));
    }
}
