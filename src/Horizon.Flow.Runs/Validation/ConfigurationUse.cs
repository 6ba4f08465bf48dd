namespace Horizon.Flow.Runs.Validation;

/// <summary>What a configuration is loaded for, which decides what it must name.</summary>
public enum ConfigurationUse
{
    /// <summary>Training: needs a model, data and an output folder.</summary>
    Train,

    /// <summary>Planning or drawing: needs the model alone.</summary>
    Inspect,

    /// <summary>Looking at the data: needs a model and data.</summary>
    Data,
}
