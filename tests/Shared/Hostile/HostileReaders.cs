using System.IO.Hashing;
using System.Text;
using System.Text.Json;
using Horizon.Flow.Graph;
using Horizon.Flow.Host.Checkpoints;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.ModelFolders;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Safetensors;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models;
using Horizon.Flow.Runs.Loading;
using Horizon.Flow.Runs.Metrics;
using Horizon.Flow.Runs.Validation;
using Horizon.Flow.Text.Batches;
using Horizon.Flow.Text.Data;
using Horizon.Flow.Text.Templates;
using Horizon.Flow.Text.Tokenizers;

namespace Horizon.Flow.Tests.Hostile;

/// <summary>Every reader of untrusted files. A new one is a line here.</summary>
public static class HostileReaders
{
    // A record of a dozen bytes becomes a document with its tokens, its labels and its place.
    private const int ManyDocuments = 256;

    // What an endless pattern keeps to backtrack by, until its time is over, is of this order.
    private const long EndlessPattern = 128 << 20;

    private const string TalkLine = "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"},{\"role\":\"assistant\",\"content\":\"Hello\"}]}\n";

    private const string Yaml = """
        model: { path: /, init: random }
        data:
          format: tokens
          sequence_length: 1_024
        training: { batch_size: 8, precision: bf16, max_grad_norm: 1e-1, freeze: ["layer *"] }
        optimizer:
          name: adamw
          betas: [0.9, 0.95]
          groups:
            - { pattern: "*norm.weight", weight_decay: 0 }
        """;

    private const string Manifest = """
        {"format":2,"step":3,"counts":[{"version":3,"updates":2}],"contents":{"architecture":"A","precision":"Bf16","optimizer":"adamw","optimizer_settings":{"betas":"0.9, 0.95"},"units":[{"name":"u","is_trained":true,
        "parameters":[{"name":"w","shape":[2,3]}],"buffers":[{"name":"weights","type":"BFloat16","elements":6},{"name":"state.exp_avg","type":"UInt8","elements":24}]}]},
        "configuration":"","configuration_checksum":"99aa06d3014798d86001c324468d497f","progress":{"data":"1"},
        "files":[{"name":"unit-00000.safetensors","bytes":100,"checksum":"00"}]}
        """;

    private static readonly Lazy<HuggingFaceTokenizer> Plain = new(() => HuggingFaceTokenizer.Load(Folder("stories260K")));
    private static readonly Lazy<HuggingFaceTokenizer> Chat = new(() => HuggingFaceTokenizer.Load(Folder("qwen3-mini-tokenizer")));

    private static readonly Conversation Talk = new(new ChatMessage("system", "Be brief."), new ChatMessage("user", "Hi"), new ChatMessage("assistant", "Hello!"));

    private static readonly string[] Lines =
    [
        "{\"text\":\"Once upon a time\"}\n", "{\"input_ids\":[1,2,3],\"labels\":[-100,2,3]}\n", "{\"instruction\":\"a\",\"input\":\"b\",\"output\":\"c\"}\n", TalkLine,
        "{\"conversations\":[{\"from\":\"human\",\"value\":\"a\"},{\"from\":\"gpt\",\"value\":\"b\"}],\"system\":\"s\"}\n",
    ];

    /// <summary>All of them.</summary>
    public static IReadOnlyList<HostileReader> All { get; } =
    [
        new("safetensors", HostileFiles.From([Tensor("x")], HostileFiles.Safetensors, HostileFiles.WholeSafetensors, HostileFiles.DamagedHeader(Files("*.safetensors"))), ReadSafetensors),
        new("shard index", HostileFiles.From(Texts("""{"metadata":{"total_size":8},"weight_map":{"x":"a.safetensors","y":"b.safetensors"}}"""), HostileFiles.ShardIndex), ReadShards),
        new("config.json", HostileFiles.From(Files("config-*.json"), HostileFiles.ModelConfig), ReadConfig),
        new("tokenizer.json", HostileFiles.From(Tokenizers(), HostileFiles.Tokenizer), ReadTokenizer) { FreeBytes = EndlessPattern },
        new("tokenizer_config.json", HostileFiles.From([File.ReadAllBytes(Path.Combine(Folder("qwen3-mini-tokenizer"), "tokenizer_config.json"))]), ReadTokenizerConfig) { FreeBytes = 32 << 20 },
        new("chat template", HostileFiles.From(Templates()), ReadTemplate) { FreeBytes = 1 << 30 },
        new("template work", HostileWork.Template, ReadTemplate) { FreeBytes = 4L << 30, IsSlow = true },
        new("pattern time", HostileWork.SlowTokenizer, ReadManyTexts) { FreeBytes = EndlessPattern, IsSlow = true },
        new("JSON lines", HostileFiles.From(Texts([.. Lines, string.Concat(Lines[3], Lines[3]), string.Concat(Lines[0], Lines[0])])), (folder, file) => ReadData(folder, file, ".jsonl")) { BytesAByte = ManyDocuments },
        new("JSON array", HostileFiles.From(Texts([.. Lines.Select(line => $"[{line},{line}]")])), (folder, file) => ReadData(folder, file, ".json")) { BytesAByte = ManyDocuments },
        new("text", HostileFiles.From(Texts("Once upon a time there was a naïve 猫.\n")), (folder, file) => ReadData(folder, file, ".txt")) { BytesAByte = ManyDocuments },
        new("YAML", HostileFiles.From(Texts(Yaml)), (folder, file) => ConfigurationLoader.Load(Put(folder, "run.yaml", file), use: ConfigurationUse.Inspect)) { FreeBytes = 16 << 20 },
        new("metrics.jsonl", HostileFiles.From(Texts("{\"step\":1,\"loss\":2}\n{\"step\":2,\"eval_loss\":1}\n")), (folder, file) => MetricsWriter.Resume(Put(folder, "metrics.jsonl", file), 1).Dispose()),
        new("checkpoint manifest", HostileFiles.From(Texts(Manifest)), ReadManifest),
        new("model folder", Places, ReadModelFolder) { FreeBytes = 32 << 20 },
        new("checkpoints folder", Places, ReadCheckpoints),
        new("output folder", Places, WriteOutput),
    ];

    private static void ReadSafetensors(string folder, byte[] file)
    {
        using var opened = SafetensorsFile.Open(Put(folder, "x.safetensors", file));
        foreach (var tensor in opened.Tensors.Values)
        {
            // A view of the file may hold as many tensors as it likes, but no byte twice.
            using var buffer = new HostBuffer(tensor.ByteLength);
            opened.ReadAsync(tensor.Name, new RawDestination(buffer)).GetAwaiter().GetResult();
        }
    }

    private static void ReadShards(string folder, byte[] file)
    {
        var shards = Path.Combine(folder, "shards");
        if (!Directory.Exists(shards)) PrepareShards(folder, shards);
        File.WriteAllBytes(Path.Combine(shards, "model.safetensors.index.json"), file);
        using var opened = WeightFiles.Open(shards);
        if (opened.TensorNames.Contains("secret") || opened.Files.Any(one => Path.GetDirectoryName(one.Path) != shards))
            throw new InvalidOperationException("a file outside the folder was read");
    }

    private static void PrepareShards(string folder, string shards)
    {
        Directory.CreateDirectory(Path.Combine(shards, "inner"));
        var outside = Directory.CreateDirectory(Path.Combine(folder, "outside")).FullName;
        File.WriteAllBytes(Path.Combine(shards, "a.safetensors"), Tensor("x"));
        File.WriteAllBytes(Path.Combine(shards, "b.safetensors"), Tensor("y"));
        File.WriteAllBytes(Path.Combine(outside, "c.safetensors"), Tensor("z"));
        File.CreateSymbolicLink(Path.Combine(shards, "out.safetensors"), Path.Combine(outside, "c.safetensors"));
        File.CreateSymbolicLink(Path.Combine(shards, "loop.safetensors"), Path.Combine(shards, "loop.safetensors"));
        Directory.CreateSymbolicLink(Path.Combine(shards, "far"), outside);
    }

    // With the right checksum, or every damage would end there.
    private static void ReadManifest(string folder, byte[] file)
    {
        var step = Directory.CreateDirectory(Path.Combine(folder, "step-3")).FullName;
        var checksum = Convert.ToHexStringLower(XxHash128.Hash(file));
        Put(step, "manifest.json", [.. Encoding.ASCII.GetBytes($"{{\"xxh128\": \"{checksum}\", \"manifest\": "), .. file, .. "}\n"u8]);
        var checkpoint = new TrainingCheckpoints(folder).Open(3);
        var unit = new UnitContents("u", true, [new("w", [2, 3])], [new("weights", ElementType.BFloat16, 6), new("state.exp_avg", ElementType.UInt8, 24)]);
        checkpoint.Require(new CheckpointContents("A", StorePrecision.Bf16, "adamw", [unit]), []);
    }

    // What stands in each of a folder's places.
    private static byte[] Places(Random random)
    {
        var places = new byte[24];
        random.NextBytes(places);
        return places;
    }

    // All that a run does with a model folder: its files are checked, read and copied.
    private static void ReadModelFolder(string folder, byte[] places)
    {
        var model = new HostileFolder(folder, "model");
        var tokenizer = Folder("stories260K");
        var place = 0;
        foreach (var name in (string[])["tokenizer.json", "tokenizer_config.json"]) model.Put(name, File.ReadAllBytes(Path.Combine(tokenizer, name)), places[place++]);
        foreach (var name in (string[])["LICENSE", "USE_POLICY.md", "vocab.json", "generation_config.json", "special_tokens_map.json", "chat_template.jinja", "additional_chat_templates/tools.jinja"])
            model.Put(name, "{}"u8.ToArray(), places[place++]);
        model.Put("config.json", Files("config-llama.json")[0], places[place++]);
        model.Put("model.safetensors.index.json", Encoding.UTF8.GetBytes("""{"weight_map":{"x":"a.safetensors","y":"b.safetensors"}}"""), places[place++]);
        model.Put("a.safetensors", Tensor("x"), places[place++]);
        model.Put("b.safetensors", Tensor("y"), places[place++]);
        if (places[place++] % 2 == 0) model.Put("model.safetensors", Tensor("x"), places[place++]);

        var copy = new HostileFolder(folder, "copy");
        try
        {
            // Each on its own: what one of them refuses the next may read.
            List<Action> readers =
            [
                () => ModelFolder.ReadConfig(model.Path),
                () => WeightFiles.Open(model.Path).Dispose(),
                () => HuggingFaceTokenizer.Load(model.Path),
                () => CompanionFiles.CopyAsync(model.Path, copy.Path, CompanionFiles.Find(model.Path)).GetAwaiter().GetResult(),
            ];
            HorizonException? refused = null;
            foreach (var read in readers)
            {
                try
                {
                    read();
                }
                catch (HorizonException error)
                {
                    refused = error;
                }
            }

            if (refused is not null) throw refused;
        }
        finally
        {
            model.CheckSecret(copy.Path);
        }
    }

    private static void ReadCheckpoints(string folder, byte[] places)
    {
        var checkpoints = new HostileFolder(folder, "checkpoints");
        var layout = new UnitLayout("u", "u", [("w", "w", [2, 3])]);
        var optimizer = OptimizerFactory.Create("sgd", new() { Momentum = 0 });
        using var store = ParameterStore.Create([layout], StorePrecision.Fp32, optimizer, _ => true);
        var contents = CheckpointContents.Of("A", store, optimizer);
        var whole = new TrainingCheckpoints(Path.Combine(folder, "whole"));
        if (whole.Steps.Count == 0) WriteAsync(whole, store, contents).GetAwaiter().GetResult();

        // Some under the name of another step.
        foreach (var (step, place) in new[] { (3, 0), (5, 2), (900, 4) })
            foreach (var (file, i) in Directory.GetFiles(whole.PathOf(3)).Order(StringComparer.Ordinal).Select((file, i) => (file, i)))
                checkpoints.Put($"step-{step}/{Path.GetFileName(file)}", File.ReadAllBytes(file), places[place + i]);
        if (places[6] % 8 == 0) checkpoints.Put(".step-7.partial", [1], places[7]);
        try
        {
            var target = new TrainingCheckpoints(checkpoints.Path, keep: 1);
            target.RemoveUnfinished();
            var loaded = target.LoadNewestAsync(store, contents, _ => { }).GetAwaiter().GetResult();
            if (loaded is not null && (loaded.Manifest.Step != 3 || loaded.Path != target.PathOf(3))) throw new InvalidOperationException($"{loaded.Path} was believed");
            target.Prune(5);
        }
        finally
        {
            checkpoints.CheckSecret("");
        }
    }

    private static async Task WriteAsync(TrainingCheckpoints whole, ParameterStore store, CheckpointContents contents)
    {
        await using var draft = whole.Begin(3, 1);
        await draft.WriteUnitAsync(0, UnitImage.Of(store.Units[0], contents.Units[0]));
        await draft.CommitAsync(CheckpointManifest.Of(3, [.. store.Units.Select(_ => new UnitCounts(3, 3))], contents));
    }

    // What a run finds in its output folder it replaces or refuses; it neither follows it nor waits for it.
    private static void WriteOutput(string folder, byte[] places)
    {
        var output = new HostileFolder(folder, "output");
        string[] names = ["metrics.jsonl", "stages.json", "model/model.safetensors", "model/model.safetensors.partial", "model/config.json", "model/config.json.partial", "model/LICENSE"];
        foreach (var (name, i) in names.Select((name, i) => (name, i)).Where(item => places[item.i + 12] % 2 == 0)) output.Put(name, "{\"step\":1}\n"u8.ToArray(), places[i]);
        using var unit = new UnitState(new UnitLayout("u", "u", [("w", "w", [2, 3])]), StorePrecision.Fp32, []);
        try
        {
            var metrics = Path.Combine(output.Path, "metrics.jsonl");
            (places[23] % 2 == 0 ? MetricsWriter.Create(metrics) : MetricsWriter.Resume(metrics, 1)).Dispose();
            var model = Path.Combine(output.Path, "model");
            ModelExporter.ExportAsync(model, [unit], new() { Description = new Dictionary<string, ReadOnlyMemory<byte>> { ["config.json"] = "{}"u8.ToArray() } }).GetAwaiter().GetResult();
            CompanionFiles.CopyAsync(Folder("stories260K"), model, CompanionFiles.Find(Folder("stories260K"))).GetAwaiter().GetResult();
            StageSharesFile.Write(output.Path, new Dictionary<string, StageShares>());
            StageSharesFile.Read(output.Path);
        }
        finally
        {
            output.CheckSecret("");
        }
    }

    private static void ReadConfig(string folder, byte[] file)
    {
        Put(folder, "config.json", file);
        ModelFamilies.Define(ModelFolder.ReadConfig(Path.Combine(folder, "config.json")));
    }

    private static void ReadTokenizer(string folder, byte[] file)
    {
        var place = Directory.CreateDirectory(Path.Combine(folder, "tokenizer")).FullName;
        Put(place, "tokenizer.json", file);
        var tokenizer = HuggingFaceTokenizer.Load(place);
        tokenizer.Decode(tokenizer.Encode("hello <x> wörld  1 " + new string('a', 64) + "!", addSpecialTokens: true), skipSpecialTokens: false);
    }

    // Many short texts, as the records of a data set: the patterns' time is bounded by all of them together.
    private static void ReadManyTexts(string folder, byte[] file)
    {
        var place = Directory.CreateDirectory(Path.Combine(folder, "slow")).FullName;
        Put(place, "tokenizer.json", file);
        var tokenizer = HuggingFaceTokenizer.Load(place);
        for (var i = 0; i < 1000; i++) tokenizer.Encode(new string('a', 8 + (i % 20)) + " c", addSpecialTokens: false);
    }

    private static void ReadTokenizerConfig(string folder, byte[] file)
    {
        var place = Directory.CreateDirectory(Path.Combine(folder, "chat")).FullName;
        if (!File.Exists(Path.Combine(place, "tokenizer.json"))) File.Copy(Path.Combine(Folder("stories260K"), "tokenizer.json"), Path.Combine(place, "tokenizer.json"));
        Put(place, "tokenizer_config.json", file);
        HuggingFaceTokenizer.Load(place).ChatTemplate?.Render(Talk, addGenerationPrompt: true);
    }

    private static void ReadTemplate(string folder, byte[] file) => ChatTemplate.Parse(Encoding.UTF8.GetString(file), "template").Render(Talk, addGenerationPrompt: true);

    private static void ReadData(string folder, byte[] file, string extension)
    {
        var tokenizer = file.Length % 2 == 0 ? Plain.Value : Chat.Value;
        BatchSource.Open(new DataOptions { Path = Put(folder, "data" + extension, file) }, tokenizer, tokenizer.VocabularySize, 2, 1);
    }

    private static string Put(string folder, string name, byte[] file)
    {
        var path = Path.Combine(folder, name);
        File.WriteAllBytes(path, file);
        return path;
    }

    private static byte[] Tensor(string name)
    {
        var header = Encoding.UTF8.GetBytes($"{{\"__metadata__\":{{\"format\":\"pt\"}},\"{name}\":{{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}}}");
        return [.. BitConverter.GetBytes((long)header.Length), .. header, 0, 0, 128, 63];
    }

    private static IReadOnlyList<byte[]> Tokenizers()
    {
        using var variants = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "data", "hostile", "variants.json")));
        return
        [
            .. variants.RootElement.EnumerateObject().Select(variant => Encoding.UTF8.GetBytes(variant.Value.GetProperty("tokenizer").GetRawText())),
            File.ReadAllBytes(Path.Combine(Folder("stories260K"), "tokenizer.json")),
        ];
    }

    private static IReadOnlyList<byte[]> Templates()
    {
        using var snippets = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "data", "hostile", "jinja-snippets.json")));
        return [.. Files("*.jinja"), .. snippets.RootElement.EnumerateArray().Select(snippet => Encoding.UTF8.GetBytes(snippet.GetProperty("template").GetString()!))];
    }

    private static IReadOnlyList<byte[]> Texts(params string[] texts) => [.. texts.Select(Encoding.UTF8.GetBytes)];

    private static IReadOnlyList<byte[]> Files(string pattern) =>
        [.. Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "data", "hostile"), pattern).Order(StringComparer.Ordinal).Select(File.ReadAllBytes)];

    private static string Folder(string name) => Path.Combine(AppContext.BaseDirectory, "data", "hostile", name);
}
