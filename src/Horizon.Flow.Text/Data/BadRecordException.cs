namespace Horizon.Flow.Text.Data;

/// <summary>One record cannot be trained on; others can. Never leaves the reading of a data set.</summary>
/// <param name="message">Begins with the file and the line.</param>
/// <param name="cause">What was thrown, if anything was.</param>
internal sealed class BadRecordException(string message, Exception? cause = null) : Exception(message, cause)
{
    /// <summary>The error that ends the reading where no bad record may be passed over.</summary>
    public HorizonException ToError() => new(Message, this);
}
