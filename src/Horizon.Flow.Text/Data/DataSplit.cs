namespace Horizon.Flow.Text.Data;

/// <summary>Which part of a folder's files is wanted, told from their names as Hugging Face's data sets name them.</summary>
public enum DataSplit
{
    /// <summary>Files named train; where there are none, those that name no split.</summary>
    Train,

    /// <summary>Files named validation (dev, held-out); where there are none, those named test, then those that name no split.</summary>
    Validation,
}
