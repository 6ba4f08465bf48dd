namespace Horizon.Flow.Runs.Sections;

/// <summary>Where the first parameters come from.</summary>
public enum ModelInit
{
    /// <summary>The folder's safetensors.</summary>
    Pretrained,

    /// <summary>Random numbers from <c>training.seed</c>, in the shapes of <c>config.json</c>.</summary>
    Random,
}
