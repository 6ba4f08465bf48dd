using System.CommandLine;

namespace Horizon.Flow.Cli;

/// <summary><c>horizon serve</c>.</summary>
public sealed class ServeCommand : Command, IExample
{
    private const string KeyVariable = "HORIZON_API_KEY";

    private readonly IServer _server;
    private readonly Option<string> _model = new("--model") { Description = "A Hugging Face folder, such as a run's model/.", HelpName = "DIR", Required = true };
    private readonly Option<string> _adapter = new("--adapter") { Description = "A PEFT folder with adapters for the model.", HelpName = "DIR" };
    private readonly Option<string> _name = new("--name") { Description = "What clients call the model; the folder's name by default.", HelpName = "NAME" };
    private readonly Option<string> _host = new("--host") { Description = "The address to listen on: localhost, an IP address, or * for all.", HelpName = "HOST", DefaultValueFactory = _ => "localhost" };
    private readonly Option<int> _port = new("--port") { Description = "The port; 0 takes a free one.", HelpName = "PORT", DefaultValueFactory = _ => 8000 };
    private readonly Option<bool> _reload = new("--allow-reload") { Description = "Let clients have other weights of the same model read from this machine's disk (POST /update_weights_from_disk)." };

    /// <summary>Creates the command.</summary>
    public ServeCommand(IServer server)
        : base("serve", $"Answer requests of OpenAI's clients: chat completions, completions, models. The variable {KeyVariable} sets a key that clients must send.")
    {
        _server = server;
        foreach (var option in (Option[])[_model, _adapter, _name, _host, _port, _reload]) Options.Add(option);
        _port.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && !(ushort.TryParse(token.Value, out _))) result.AddError($"--port {token.Value} should be a whole number from 0 to 65535.");
        });
        SetAction(RunAsync);
    }

    /// <inheritdoc/>
    public string Example => """
        horizon serve --model out/model --port 8000
        curl localhost:8000/v1/chat/completions -H 'Content-Type: application/json' -d '{"model":"model","messages":[{"role":"user","content":"hello"}]}'
        """;

    private async Task<int> RunAsync(ParseResult parse, CancellationToken cancellation)
    {
        var (output, error) = (parse.InvocationConfiguration.Output, parse.InvocationConfiguration.Error);
        var folders = new ModelFolders(SamplingInput.Existing("--model", parse.GetRequiredValue(_model)), parse.GetValue(_adapter) is { } adapter ? SamplingInput.Existing("--adapter", adapter) : null);
        var name = parse.GetValue(_name) ?? Path.GetFileName(Path.GetFullPath(folders.Folder).TrimEnd(Path.DirectorySeparatorChar));
        var key = Environment.GetEnvironmentVariable(KeyVariable) is { Length: > 0 } set ? set : null;
        var host = parse.GetRequiredValue(_host);
        if (key is null && host != "localhost" && !(System.Net.IPAddress.TryParse(host, out var address) && System.Net.IPAddress.IsLoopback(address)))
            await error.WriteLineAsync($"note: whoever reaches {host} can use the model; set {KeyVariable} to ask for a key").ConfigureAwait(false);
        using var signals = new StopSignals(error, "stopping; once more to stop at once");
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation, signals.Token);
        await _server.RunAsync(
            new ServeRequest(folders, name, host, parse.GetValue(_port), key, parse.GetValue(_reload)),
            where =>
            {
                output.WriteLine($"serving {name} on {where}/v1");
                output.Flush();
            },
            notice => error.WriteLine($"note: {notice}"),
            stop.Token).ConfigureAwait(false);
        return signals.ExitCode;
    }
}
