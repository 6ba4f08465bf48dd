namespace Horizon.Flow.Alignment.Policies;

/// <summary>What a server speaks beside OpenAI's endpoints.</summary>
public enum ServerKind
{
    /// <summary><c>horizon serve --allow-reload</c>: weights by <c>/update_weights_from_disk</c>, answers with their tokens.</summary>
    Horizon,

    /// <summary>SGLang: weights by <c>/update_weights_from_disk</c>. The tokens of an answer are those of its text.</summary>
    Sglang,

    /// <summary>vLLM with <c>VLLM_SERVER_DEV_MODE=1</c>: weights by <c>/collective_rpc</c>, answers with their tokens.</summary>
    Vllm,

    /// <summary>Another one: its weights stay what they are. The tokens of an answer are those of its text.</summary>
    OpenAI,
}
