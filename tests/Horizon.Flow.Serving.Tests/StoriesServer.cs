using System.ClientModel;
using Horizon.Flow.Devices;
using Horizon.Flow.Runs.Generation;
using Horizon.Flow.Tests.Shared;
using OpenAI;
using OpenAI.Chat;

namespace Horizon.Flow.Serving.Tests;

/// <summary>The quickstart's model, with a chat template, behind the endpoint.</summary>
internal sealed class StoriesServer : IAsyncDisposable
{
    public const string Model = "stories";

    private readonly TemporaryFolder _folder = new();
    private readonly CpuDevice _device = new();

    public static string Source => Path.Combine(AppContext.BaseDirectory, "data", "stories260K-hf");

    public TextGenerator Generator { get; private set; } = null!;

    public GenerationServer Server { get; private set; } = null!;

    public HttpClient Http { get; } = new();

    public string Folder => _folder.Path;

    public static async Task<StoriesServer> StartAsync(Func<ServerOptions, ServerOptions>? change = null, string? generationConfig = null)
    {
        var stories = new StoriesServer();
        Copy(stories.Folder);
        if (generationConfig is not null) await File.WriteAllTextAsync(Path.Combine(stories.Folder, "generation_config.json"), generationConfig);
        stories.Generator = await TextGenerator.LoadAsync(stories.Folder, stories._device);
        var options = new ServerOptions { Port = 0, ModelName = Model };
        stories.Server = await GenerationServer.StartAsync(new TextEngine(stories.Generator), change?.Invoke(options) ?? options);
        stories.Http.BaseAddress = new Uri(stories.Server.Address);
        return stories;
    }

    public static void Copy(string folder)
    {
        foreach (var file in Directory.GetFiles(Source)) File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        File.WriteAllText(Path.Combine(folder, "chat_template.jinja"), "{{ bos_token }}{% for m in messages %}{{ m.content }}{% endfor %}");
    }

    public ChatClient Client(string key = "none") =>
        new(Model, new ApiKeyCredential(key), new OpenAIClientOptions { Endpoint = new Uri($"{Server.Address}/v1"), RetryPolicy = new System.ClientModel.Primitives.ClientRetryPolicy(0) });

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await Server.DisposeAsync();
        await Generator.DisposeAsync();
        _device.Dispose();
        _folder.Dispose();
    }
}
