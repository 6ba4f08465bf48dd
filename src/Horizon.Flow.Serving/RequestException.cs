namespace Horizon.Flow.Serving;

/// <summary>A request that is refused, as OpenAI's clients are told of it.</summary>
/// <param name="status">The HTTP status.</param>
/// <param name="message">What is wrong, and how to mend it.</param>
/// <param name="parameter">Which parameter; null for none.</param>
/// <param name="code">A word for programs; null for none.</param>
internal sealed class RequestException(int status, string message, string? parameter = null, string? code = null) : Exception(message)
{
    public int Status => status;

    public string? Parameter => parameter;

    public string? Code => code;

    public string Type => status switch
    {
        401 => "authentication_error",
        429 => "rate_limit_error",
        >= 500 => "server_error",
        _ => "invalid_request_error",
    };
}
