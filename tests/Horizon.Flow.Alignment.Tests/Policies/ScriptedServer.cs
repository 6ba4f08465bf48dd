using System.Net;
using System.Text;
using System.Text.Json;

namespace Horizon.Flow.Alignment.Tests.Policies;

/// <summary>Answers requests as a test says, and remembers them.</summary>
internal sealed class ScriptedServer(Func<string, JsonElement, (HttpStatusCode Status, string Body)?> answer) : HttpMessageHandler
{
    private readonly Lock _gate = new();

    public List<(string Path, JsonElement Body, string? Key)> Requests { get; } = [];

    /// <summary>A choice for each text.</summary>
    public static (HttpStatusCode Status, string Body) Texts(params IEnumerable<string> texts) =>
        (HttpStatusCode.OK, JsonSerializer.Serialize(new { choices = texts.Select((text, index) => new { index, text, finish_reason = "stop" }) }));

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var body = JsonElement.Parse(await request.Content!.ReadAsStringAsync(cancellationToken));
        lock (_gate) Requests.Add((request.RequestUri!.AbsoluteUri, body, request.Headers.Authorization?.ToString()));
        var (status, text) = answer(request.RequestUri!.AbsolutePath, body) ?? throw new HttpRequestException("Connection refused");
        return new HttpResponseMessage(status) { Content = new StringContent(text, Encoding.UTF8, "application/json") };
    }
}
