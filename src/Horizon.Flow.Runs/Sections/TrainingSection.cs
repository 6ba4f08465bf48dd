namespace Horizon.Flow.Runs.Sections;

/// <summary>
/// The <c>training</c> section. A run ends at <see cref="MaxSteps"/> or after <see cref="Epochs"/>, whichever is given; where both are, at
/// whichever comes first; where neither is, after one epoch.
/// </summary>
public sealed record TrainingSection
{
    /// <summary>Sequences in one micro-batch.</summary>
    /// <value>Default 8 sequences. <c>auto</c> takes what <c>horizon plan</c> recommends for the machine.</value>
    [AutoKey]
    public int BatchSize { get; init; } = DefaultBatchSize;

    internal const int DefaultBatchSize = 8;

    /// <summary>Whether <see cref="BatchSize"/> is left to the plan.</summary>
    internal bool ChoosesBatchSize => BatchSize == AutoKeyAttribute.Number;

    /// <summary>Micro-batches in one optimizer step.</summary>
    /// <value>Default 1.</value>
    public int GradientAccumulation { get; init; } = 1;

    /// <summary>Optimizer steps at most, over as many passes as they take; null or 0 sets no limit, so that <see cref="Epochs"/> decides.</summary>
    /// <value>Default null.</value>
    public long? MaxSteps { get; init; }

    /// <summary>Passes over the data at most; null sets no limit where <see cref="MaxSteps"/> does, and is one pass otherwise.</summary>
    /// <value>Default null.</value>
    public int? Epochs { get; init; }

    /// <summary>Where every random choice of the run starts: initialisation, shuffling.</summary>
    /// <value>Default 42.</value>
    public long Seed { get; init; } = 42;

    /// <summary>The number type of weights, activations and gradients.</summary>
    /// <value>Default <c>bf16</c>: exact fp32 masters stay in host memory at no extra cost. <c>fp8</c> is bf16 with the decoder layers' matrix products in fp8.</value>
    public TrainingPrecision Precision { get; init; } = TrainingPrecision.Bf16;

    /// <summary>How products in fp8 are computed.</summary>
    public Fp8Section Fp8 { get; init; } = new();

    /// <summary>The largest global L2 norm of a step's gradient; a longer one is scaled down to it. Null or 0 turns clipping off.</summary>
    /// <value>Default 1.0.</value>
    /// <remarks>Without clipping a unit is updated as soon as its gradient lands, while backward goes on below it.</remarks>
    public double? MaxGradNorm { get; init; } = 1.0;

    /// <summary>The share of the target that lies evenly on all tokens in training, the rest on the token that follows; in [0, 1). Evaluations show the plain loss.</summary>
    /// <value>Default 0.</value>
    /// <remarks>Szegedy et al. 2016; Hugging Face's <c>label_smoothing_factor</c>.</remarks>
    public double LabelSmoothing { get; init; }

    /// <summary>Even noise on the embeddings in training, at most this / sqrt(tokens of the document * hidden size); 0 adds none. It follows from the seed and the place in the run.</summary>
    /// <value>Default 0.</value>
    /// <remarks>NEFTune, Jain et al. 2023; Hugging Face's <c>neftune_noise_alpha</c>, where 5 is common.</remarks>
    public double NeftuneAlpha { get; init; }

    /// <summary>Every how many layers an activation is kept; the others are computed again in backward.</summary>
    /// <value>Default 1: every layer's input is kept.</value>
    /// <remarks>A larger interval needs less device memory and more work.</remarks>
    public int RecomputeInterval { get; init; } = 1;

    /// <summary>How many units hold the experts of a layer, each with its own buffers, beside that of the rest of the layer; 1 is one unit with all of it.</summary>
    /// <value>Default <c>auto</c>: the smallest number of equal parts of at most 1 Gi parameters; 1 where a layer's experts are not more.</value>
    /// <remarks>More parts need less device memory and more visits. Results differ in the order of sums; a run goes on with as many as it began with.</remarks>
    [AutoKey]
    public int ExpertParts { get; init; } = AutoKeyAttribute.Number;

    /// <summary>Whether <see cref="ExpertParts"/> is left to the model's size.</summary>
    internal bool ChoosesExpertParts => ExpertParts == AutoKeyAttribute.Number;

    /// <summary>
    /// Steps in a row that may be skipped because a loss or a gradient was not finite; one more ends the run. Null sets no limit.
    /// </summary>
    /// <value>Default 10 steps.</value>
    public int? MaxSkippedSteps { get; init; } = 10;

    /// <summary>A loss so many of its running deviations above its running mean is reported as a spike; null or 0 reports none.</summary>
    /// <value>Default 6 deviations.</value>
    /// <remarks>Only the report: training goes on as it would.</remarks>
    public double? LossSpikeDeviations { get; init; } = 6;

    /// <summary>Whether every unit's output and gradients are looked at, to end the run at the first number that is not finite and say where.</summary>
    /// <value>Default false.</value>
    /// <remarks>Slow: for finding where a run goes wrong. The numbers stay the same.</remarks>
    public bool CheckOutputs { get; init; }

    /// <summary>Threads of an operator where <c>device</c> is the CPU; null lets libtorch choose, or a resumed run go on with as many as it began with.</summary>
    /// <value>Default null: the machine's cores, or what OMP_NUM_THREADS says.</value>
    /// <remarks>Sums are cut into as many parts: the last bits of the results depend on it.</remarks>
    public int? CpuThreads { get; init; }

    /// <summary>Whether two runs on a GPU give the same bits; false is faster: attention's backward then adds in no fixed order.</summary>
    /// <value>Default true.</value>
    /// <remarks>Where <c>device</c> is the CPU it changes nothing: its sums are always in a fixed order.</remarks>
    public bool Deterministic { get; init; } = true;

    /// <summary>Patterns of unit names (<c>*</c> stands for anything) that are not trained: neither downloaded nor updated.</summary>
    /// <value>Default none.</value>
    public ValueList<string> Freeze { get; init; } = [];

    /// <summary>What is learned: the next token, or preferences.</summary>
    public ObjectiveSection Objective { get; init; } = new();

    /// <summary>Low-rank adapters, trained in the place of the model's own parameters.</summary>
    public AdapterSection Adapter { get; init; } = new();
}
