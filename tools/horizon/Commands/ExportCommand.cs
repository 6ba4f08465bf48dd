using System.CommandLine;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Runs.Export;
using Horizon.Flow.Runs.Generation;

namespace Horizon.Flow.Cli;

/// <summary><c>horizon export</c>, also <c>horizon merge</c>.</summary>
public sealed class ExportCommand : Command, IExample
{
    private static readonly Dictionary<string, ElementType?> Types = new() { ["source"] = null, ["bfloat16"] = ElementType.BFloat16, ["float32"] = ElementType.Float32 };

    private readonly Option<string> _model = new("--model") { Description = "A Hugging Face folder, or one of PEFT's.", HelpName = "DIR", Required = true };
    private readonly Option<string> _adapter = new("--adapter") { Description = "A PEFT folder whose adapters are merged into the model.", HelpName = "DIR" };
    private readonly Option<string> _output = new("--output") { Description = "The folder to write.", HelpName = "DIR", Required = true };
    private readonly Option<string> _type = new("--dtype") { Description = "The type of the weights.", HelpName = "source|bfloat16|float32", DefaultValueFactory = _ => "source" };
    private readonly Option<string> _shard = new("--shard-size") { Description = "The most that one file holds.", HelpName = "SIZE", DefaultValueFactory = _ => "5GiB" };
    private readonly Option<bool> _overwrite = new("--overwrite") { Description = "Replace a model that lies in the folder." };

    /// <summary>Creates the command.</summary>
    public ExportCommand()
        : base("export", "Write a model folder anew: adapters merged into it, in another type, in files of another size.")
    {
        Aliases.Add("merge");
        foreach (var option in (Option[])[_model, _adapter, _output, _type, _shard, _overwrite]) Options.Add(option);
        _type.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && !Types.ContainsKey(token.Value)) result.AddError($"--dtype {token.Value} should be one of {string.Join(", ", Types.Keys)}.");
        });
        _shard.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && !(ByteSize.TryParse(token.Value, out var size) && size.Bytes > 0)) result.AddError($"--shard-size {token.Value} should be a size such as 5GiB.");
        });
        SetAction(RunAsync);
    }

    /// <inheritdoc/>
    public string Example => """
        horizon export --model out/model --output merged --dtype bfloat16
        # the adapters of a run merged into the model that they were trained on
        """;

    private async Task<int> RunAsync(ParseResult parse, CancellationToken cancellation)
    {
        var source = ModelSource.Open(parse.GetRequiredValue(_model), parse.GetValue(_adapter));
        ByteSize.TryParse(parse.GetRequiredValue(_shard), out var shard);
        var options = new FolderExportOptions { Type = Types[parse.GetRequiredValue(_type)], MaxShardBytes = shard.Bytes, Overwrite = parse.GetValue(_overwrite) };
        var written = await FolderExport.WriteAsync(source, parse.GetRequiredValue(_output), options, cancellation).ConfigureAwait(false);
        await parse.InvocationConfiguration.Output.WriteLineAsync(written).ConfigureAwait(false);
        return ExitCodes.Success;
    }
}
