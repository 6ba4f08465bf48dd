namespace Horizon.Flow.Tests.Checks;

/// <summary>What a template gives.</summary>
public enum SpoiledResult
{
    Forward,
    Recompute,
    InputGradient,
    ParameterGradient,
}
