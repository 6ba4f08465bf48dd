using Horizon.Flow.Runs.Loading;

namespace Horizon.Flow.Runs.Conversion;

/// <summary>The keys of LLaMA-Factory, axolotl and transformers that recipes use, each with its counterpart or the reason why it has none.</summary>
internal static class ForeignKeys
{
    private const string Epochs = "how many steps an epoch has is said by 'horizon plan'";
    private const string Services = "nothing reports to a service; metrics.jsonl has every step, and 'horizon report' draws it";
    private const string Devices = "a model streams through one GPU, or with 'horizon train --gpus N' through several, each with rows of its own";
    private const string Kernels = "kernels are chosen by the device";
    private const string Workers = "data are read on all processors";
    private const string Preferences = "training.objective has no such option, see docs/alignment.md";
    private const string Quantized = "weights are whole: exact fp32 masters lie in host memory";
    private const string Adapters = "all parameters are trained, or low-rank adapters by training.adapter, which has no such option";
    private const string Precision = "training.precision is bf16 with exact fp32 masters, fp8 for the layers' products beside these, or fp32";
    private const string Media = "models are trained on text alone";

    private static readonly Dictionary<string, ForeignKey> All = new(StringComparer.Ordinal);

    static ForeignKeys()
    {
        Known("model.path", "model_name_or_path", "base_model");
        Known("model.init", "train_from_scratch", "random_init_weights", "reinit_weights");
        Known("model.additional_special_tokens", "additional_special_tokens", "new_special_tokens", "add_special_tokens", "add_tokens", "tokens");
        Known("data.path", "dataset", "datasets", "pretraining_dataset", "train_file");
        Known("data.sequence_length", "cutoff_len", "sequence_len", "max_seq_length", "max_seq_len", "max_length", "model_max_length");
        Known("data.packing", "packing", "neat_packing", "sample_packing");
        Known("data.max_samples", "max_samples");
        Known("data.train_on_prompt", "train_on_prompt", "train_on_inputs");
        Known("data.train_on", "mask_history");
        Known("data.chat_template", "template", "chat_template");
        Known("data.group_by_length", "group_by_length");
        Known("data.cache", "dataset_prepared_path");
        Known("data.shuffle", "disable_shuffling", "shuffle_merged_datasets");
        Known("data.too_long", "excess_length_strategy");
        Known("training.batch_size", "per_device_train_batch_size", "micro_batch_size");
        Known("training.gradient_accumulation", "gradient_accumulation_steps");
        Known("training.epochs", "num_train_epochs", "num_epochs", "epochs");
        Known("training.max_steps", "max_steps");
        Known("training.seed", "seed");
        Known("training.max_grad_norm", "max_grad_norm", "gradient_clipping");
        Known("training.precision", "bf16", "fp16", "pure_bf16", "fp32", "bfloat16", "float16", "torch_dtype", "fp8");
        Known("training.neftune_alpha", "neftune_noise_alpha");
        Known("training.label_smoothing", "label_smoothing_factor");
        Known("training.objective.name", "rl", "pref_loss", "reward_model");
        Known("training.objective.beta", "pref_beta", "rl_beta");
        Known("training.objective.label_smoothing", "dpo_label_smoothing");
        Known("training.objective.length_normalised", "dpo_norm_loss");
        Known("training.objective.margin", "simpo_gamma");
        Known("training.objective.lambda", "orpo_alpha");
        Known("training.objective.likelihood_weight", "cpo_alpha");
        Known("training.objective.desirable_weight", "kto_desirable_weight", "kto_chosen_weight");
        Known("training.objective.undesirable_weight", "kto_undesirable_weight", "kto_rejected_weight");
        Known("training.objective.centering", "center_rewards_coefficient");
        Known("training.adapter.rank", "adapter", "lora_r", "lora_rank");
        Known("training.adapter.alpha", "lora_alpha");
        Known("training.adapter.dropout", "lora_dropout");
        Known("training.adapter.targets", "lora_target", "lora_target_modules", "lora_target_linear");
        Known("training.adapter.rank_stabilized", "use_rslora", "peft_use_rslora");
        Known("training.adapter.path", "adapter_name_or_path", "lora_model_dir");
        Known("rollouts.group", "num_generations");
        Known("rollouts.max_tokens", "max_completion_length", "max_response_length");
        Known("rollouts.every_steps", "steps_per_generation", "num_iterations");
        Known("rollouts.server.url", "vllm_server_base_url", "vllm_server_host", "use_vllm");
        Known("rollouts.rewards.command", "reward_funcs", "reward_func");
        Known("training.objective.clip_low", "epsilon");
        Known("training.objective.clip_high", "epsilon_high");
        Known("optimizer.name", "optim", "optimizer", "use_muon");
        Known("optimizer.learning_rate", "learning_rate", "lr");
        Known("optimizer.weight_decay", "weight_decay");
        Known("optimizer.betas", "adam_beta1", "adam_beta2");
        Known("optimizer.eps", "adam_epsilon");
        Known("schedule.name", "lr_scheduler_type", "lr_scheduler");
        Known("schedule.warmup_steps", "warmup_steps");
        Known("schedule.warmup_ratio", "warmup_ratio");
        Known("schedule.min_learning_rate", "cosine_min_lr_ratio", "min_lr");
        Known("schedule.cycles", "num_cycles");
        Known("evaluation.path", "eval_dataset", "test_datasets");
        Known("evaluation.fraction", "val_size", "val_set_size");
        Known("evaluation.every_steps", "eval_steps");
        Known("evaluation.patience", "early_stopping_patience", "early_stopping_steps");
        Known("evaluation.min_delta", "early_stopping_threshold");
        Known("checkpoint.every_steps", "save_steps");
        Known("checkpoint.keep", "save_total_limit");
        Known("checkpoint.keep_best", "load_best_model_at_end");
        Known("logging.every_steps", "logging_steps");
        Known("output.directory", "output_dir");
        Known("output.overwrite", "overwrite_output_dir");

        NotNeeded("a fixed order, and the same file gives the same run: set the key itself", "set_seed", "data_seed", "full_determinism");
        NotNeeded("what is trained is said by the other keys", "do_train", "stage", "finetuning_type", "strict", "debug", "test_value", "model_type", "tokenizer_type", "tokenizer_use_fast", "use_fast_tokenizer",
            "is_llama_derived_model", "is_mistral_derived_model", "is_falcon_derived_model", "is_qwen_derived_model", "cls_model_config", "trust_remote_code", "low_cpu_mem_usage", "resize_vocab",
            "eval_sample_packing", "apply_chat_template", "skip_prepare_dataset", "tokenizer_use_mistral_common", "dataset_keep_in_memory", "tokenizer_legacy");
        NotNeeded(Workers, "preprocessing_num_workers", "dataloader_num_workers", "dataset_processes", "dataset_num_proc", "preprocessing_batch_size", "dataloader_pin_memory", "dataloader_prefetch_factor",
            "dataloader_persistent_workers", "overwrite_cache", "cache_dir", "streaming", "buffer_size", "remove_unused_columns", "tokenized_path");
        NotNeeded("layers are kept, recomputed or moved as fits best: pipeline.activations", "gradient_checkpointing", "gradient_checkpointing_kwargs", "disable_gradient_checkpointing", "use_reentrant_gc",
            "use_unsloth_gc", "activation_offloading");
        NotNeeded(Kernels, "flash_attn", "attn", "attention", "flash_attention", "attn_implementation", "sdp_attention", "xformers_attention", "flash_attn_cross_entropy", "flash_attn_rms_norm", "flash_attn_fuse_qkv",
            "flash_attn_fuse_mlp", "flash_optimum", "enable_liger_kernel", "liger_rope", "liger_rms_norm", "liger_glu_activation", "liger_layer_norm", "liger_fused_linear_cross_entropy", "use_unsloth",
            "torch_compile", "torch_compile_backend", "torch_compile_mode", "tf32", "moe_kernels", "lora_mlp_kernel", "lora_qkv_kernel", "lora_o_kernel", "include_mfu", "include_tokens_per_second",
            "include_num_input_tokens_seen", "cut_cross_entropy", "unsloth_lora_mlp", "unsloth_lora_qkv", "unsloth_lora_o");
        NotNeeded(Kernels, "fp8_backend");
        NotNeeded(Devices, "fp8_enable_fsdp_float8_all_gather", "deepspeed", "fsdp", "fsdp_config", "fsdp_version", "fsdp_transformer_layer_cls_to_wrap", "ddp_timeout", "ddp_find_unused_parameters", "ddp_bucket_cap_mb", "ddp_broadcast_buffers", "local_rank",
            "device_map", "max_memory", "gpu_memory_limit", "zero_stage", "dp_shard_size", "dp_replicate_size");
        NotNeeded("what the untouched model says of the data is computed once, before training, and kept", "precompute_ref_log_probs");
        NotNeeded("a reward model has one score", "num_labels");
        NotNeeded("'horizon merge' merges adapters into a model", "merge_lora");
        NotNeeded("rows are never padded", "pad_to_sequence_len", "pad_to_multiple_of", "batch_flattening", "sample_packing_eff_est", "sample_packing_group_size", "sample_packing_bin_size", "total_num_tokens",
            "auto_find_batch_size", "efficient_eos");
        NotNeeded("a model is always written as safetensors, and a checkpoint with all that --resume needs", "save_safetensors", "save_only_model", "save_strategy", "save_first_step", "save_on_each_node");
        NotNeeded("--resume goes on from the newest checkpoint", "resume_from_checkpoint", "auto_resume_from_checkpoints");
        NotNeeded("the loss is looked at wherever evaluation says", "eval_strategy", "evaluation_strategy", "do_eval", "per_device_eval_batch_size", "eval_batch_size", "eval_on_start", "metric_for_best_model",
            "greater_is_better", "prediction_loss_only", "eval_accumulation_steps", "evals_first_step");
        NotNeeded(Services, "report_to", "run_name", "plot_loss", "logging_dir", "logging_first_step", "logging_strategy", "use_tensorboard", "disable_tqdm", "log_level",
            "wandb_project", "wandb_entity", "wandb_watch", "wandb_name", "wandb_log_model", "wandb_mode", "wandb_run_id", "use_swanlab", "swanlab_project", "swanlab_run_name", "swanlab_mode",
            "mlflow_tracking_uri", "mlflow_experiment_name", "mlflow_run_name", "hf_mlflow_log_artifacts", "use_comet", "comet_project_name", "comet_workspace", "comet_mode", "use_otel_metrics");
        NotNeeded("nothing is fetched or pushed: a finished folder is uploaded by 'hf upload'", "push_to_hub", "hub_model_id", "hub_strategy", "hf_use_auth_token", "push_dataset_to_hub", "hf_hub_token", "ms_hub_token", "hub_private_repo");

        Missing("a step has training.batch_size x training.gradient_accumulation rows", "batch_size");
        Missing(Epochs, "evals_per_epoch", "saves_per_epoch");
        Missing(Services, "eval_table_size", "eval_max_new_tokens", "eval_causal_lm_metrics", "do_causal_lm_eval", "compute_accuracy");
        Missing("a warm-up is a number of steps or a share of them", "lr_quadratic_warmup", "cosine_constant_lr_ratio", "lr_div_factor");
        Missing("schedules have the keys cycles, power, decay_fraction and min_learning_rate", "lr_scheduler_kwargs");
        Missing("optimizer has keys of its own", "optim_args", "optim_target_modules", "lr_groups", "embedding_lr", "embedding_lr_scale", "loraplus_lr_ratio", "loraplus_lr_embedding");
        Missing(Adapters, "lora", "lora_modules_to_save", "additional_target", "lora_fan_in_fan_out", "lora_on_cpu", "use_dora", "pissa_init", "pissa_iter", "pissa_convert", "peft", "peft_use_dora",
            "peft_layers_to_transform", "peft_init_lora_weights", "relora_steps", "relora_warmup_steps", "relora_prune_ratio", "create_new_adapter", "oft_block_size", "oft_target", "module_dropout", "lora_bias");
        Missing(Quantized, "load_in_4bit", "load_in_8bit", "quantization_bit", "quantization_method", "quantization_type", "double_quantization", "bnb_config_kwargs", "gptq", "qat", "quantization",
            "upcast_layernorm", "upcast_lmhead_output", "embeddings_skip_upcast", "enable_qat");
        Missing(Preferences, "pref_ftx", "pref_bco_weight", "rpo_alpha", "dpo_use_weighting", "reward_model_type", "reward_model_adapters", "ppo_score_norm", "trl", "beta", "process_reward_model");
        Missing("the reference is the model that training begins with, model.path", "ref_model");
        Missing(Devices, "sequence_parallel_size", "sequence_parallel_mode", "sequence_parallel_degree", "context_parallel_size", "tensor_parallel_size", "heads_k_stride", "ring_attn_func", "expert_parallel_size", "use_ray", "ray_num_workers", "ray_run_name", "ray_storage_path", "placement_strategy", "resources_per_worker", "use_kt");
        Missing("another optimizer is a few lines of code: examples/CustomOptimizer, LowRankGradients and LayerSampling", "use_galore", "galore_layerwise", "galore_target", "galore_rank", "galore_update_interval", "galore_scale",
            "galore_proj_type", "use_apollo", "apollo_layerwise", "apollo_target", "apollo_rank", "apollo_scale", "use_badam", "badam_mode", "badam_switch_mode", "badam_switch_interval", "badam_update_ratio",
            "badam_mask_mode", "badam_verbose", "badam_start_block", "use_adam_mini", "lisa_n_layers", "lisa_step_interval", "lisa_layers_attribute");
        Missing("another loss is one method of code: examples/CustomLoss", "use_dft_loss", "use_eaft_loss", "use_eaft", "eaft_alpha", "eaft_k", "eaft_loss", "diffusion", "use_asft_loss", "dynamic_finetuning");
        Missing("training.freeze names units ('layer 0', 'embedding', 'head'), not parameters", "unfrozen_parameters", "freeze_trainable_layers", "freeze_trainable_modules", "freeze_extra_modules", "freeze_vision_tower",
            "freeze_multi_modal_projector", "freeze_language_model", "freeze_original_embeddings", "use_llama_pro", "train_mm_proj_only");
        Missing("config.json of the model folder says so", "rope_scaling", "rope_theta", "overrides_of_model_config", "overrides_of_model_kwargs", "shift_attn", "s2_attention", "mixture_of_depths", "moe_aux_loss_coef",
            "print_param_status", "num_loops", "scaling_softmax");
        Missing(Media, "image_max_pixels", "image_min_pixels", "video_max_pixels", "video_min_pixels", "video_fps", "video_maxlen", "image_size", "image_resize_algorithm", "processor_type", "media_dir");
        Missing("tokens are changed in the model folder's files", "special_tokens", "added_tokens_overrides", "new_special_tokens_config", "init_special_tokens", "eot_tokens", "tokenizer_config", "tokenizer_name", "resize_token_embeddings_to_32x",
            "default_system_message", "default_system", "tool_format", "enable_thinking", "split_special_tokens", "shrink_embeddings", "chat_template_jinja", "chat_template_kwargs", "replace_text", "infer_seqlen");
        Missing("data.sets has a weight for each set", "mix_strategy", "interleave_probs", "eval_on_each_dataset", "dataset_shard_num", "dataset_shard_idx", "curriculum_sampling", "sample_pack_sequentially", "pretraining_sample_concatenation",
            "weighted_prompted_jsonl");
        Missing("records are taken as they are", "exact_deduplication", "dataset_exact_deduplication", "ignore_pad_token_for_loss", "roles_to_train", "train_on_eos", "drop_system_message");
        Missing("the model is only trained; 'horizon generate' runs it", "do_predict", "predict_with_generate", "max_new_tokens", "top_p", "top_k", "temperature", "generation_max_length", "infer_backend", "eval_max_length", "task", "lang", "n_shot", "save_dir");
        Missing("the file of the training is the whole of it", "plugins", "callbacks", "hooks", "profiler_steps", "loss_watchdog_threshold", "loss_watchdog_patience", "revision_of_model", "base_model_config", "model_revision", "llmcompressor");
        Missing("LLaMA-Factory's table of data sets is read where it lies beside the file", "dataset_dir");
        Missing(Precision, "fp16_full_eval", "bf16_full_eval", "half_precision_backend");
    }

    /// <summary>What to say to somebody who wrote a key of another tool into a configuration; null where it is none, or a key of ours in another section.</summary>
    /// <param name="path">The full path that was written.</param>
    public static string? Hint(string path)
    {
        var name = path[(path.LastIndexOf('.') + 1)..];
        var isOurs = path.Contains('[', StringComparison.Ordinal) || ConfigurationSchema.Paths.Any(ours => ours.EndsWith(name, StringComparison.Ordinal) && (ours.Length == name.Length || ours[^(name.Length + 1)] == '.'));
        return isOurs || Find(name) is not { } foreign ? null : $"which is another tool's: {foreign.Hint}";
    }

    /// <summary>What a key is here; null where it is not known.</summary>
    public static ForeignKey? Find(string name) => All.GetValueOrDefault(name);

    private static void Known(string target, params string[] names)
    {
        if (!ConfigurationSchema.Paths.Contains(target)) throw new InvalidOperationException($"there is no key '{target}'");
        Add(new ForeignKey(ForeignKeyKind.Known, target, ""), names);
    }

    private static void NotNeeded(string says, params string[] names) => Add(new ForeignKey(ForeignKeyKind.NotNeeded, null, says), names);

    private static void Missing(string says, params string[] names) => Add(new ForeignKey(ForeignKeyKind.Missing, null, says), names);

    private static void Add(ForeignKey key, string[] names)
    {
        foreach (var name in names) All.Add(name, key);
    }
}
