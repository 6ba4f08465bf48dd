namespace Horizon.Flow.Models;

/// <summary>
/// Keys of a config.json that change nothing about a decoder's maths: what it is called, who wrote it, how it is run and what is sampled from it.
/// A family's own list (<see cref="IModelFamily.HarmlessKeys"/>) adds to this one.
/// </summary>
public static class HarmlessKeys
{
    private static readonly HashSet<string> Keys =
    [
        // What it is and who wrote it.
        "architectures", "model_type", "auto_map", "transformers_version", "unsloth_version", "unsloth_fixed", "name_or_path", "base_model", "license",
        "tokenizer_class", "finetuning_task", "task_specific_params", "problem_type", "id2label", "label2id", "num_labels",

        // How it is run; the type is the store's.
        "dtype", "torch_dtype", "use_cache", "cache_implementation", "use_bfloat16", "torchscript", "pretraining_tp", "chunk_size_feed_forward",
        "gradient_checkpointing", "attn_implementation", "use_flash_attn", "use_flash_attention", "use_flash_attention_2", "use_sdpa", "tf_legacy_loss", "is_decoder",
        "output_attentions", "output_hidden_states", "output_scores", "return_dict", "return_dict_in_generate", "keys_to_ignore_at_inference",

        // Tokens: their meaning is the tokenizer's. pad_token_id is read.
        "bos_token_id", "eos_token_id", "sep_token_id", "unk_token_id", "cls_token_id", "mask_token_id", "decoder_start_token_id", "forced_bos_token_id",
        "forced_eos_token_id", "prefix", "suppress_tokens", "begin_suppress_tokens", "bad_words_ids", "tokenizer_padding_side", "tokenizer_model_max_length",
        "model_max_length", "max_sequence_length",

        // Sampling.
        "do_sample", "temperature", "top_k", "top_p", "typical_p", "repetition_penalty", "encoder_no_repeat_ngram_size", "no_repeat_ngram_size",
        "length_penalty", "exponential_decay_length_penalty", "max_length", "min_length", "early_stopping", "num_beams", "num_beam_groups",
        "diversity_penalty", "num_return_sequences", "remove_invalid_values",
    ];

    /// <summary>Whether the key is one of them. Names that begin with an underscore are the writer's own notes, such as <c>_name_or_path</c>.</summary>
    public static bool Contains(string key)
    {
        ArgumentNullException.ThrowIfNull(key);
        return key.StartsWith('_') || Keys.Contains(key);
    }
}
