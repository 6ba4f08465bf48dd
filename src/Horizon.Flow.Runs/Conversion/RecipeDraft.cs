using System.Globalization;
using Horizon.Flow.Runs.Loading;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Horizon.Flow.Runs.Conversion;

/// <summary>A configuration in the making: values by the full path of their key, and what is said of them.</summary>
internal sealed class RecipeDraft
{
    private readonly Dictionary<string, object> _values = new(StringComparer.Ordinal);

    public List<string> Changed { get; } = [];

    public List<string> Missing { get; } = [];

    public List<string> NotNeeded { get; } = [];

    public List<string> Unknown { get; } = [];

    /// <summary>A value that was set; null where none was.</summary>
    public object? this[string path] => _values.GetValueOrDefault(path);

    /// <summary>Sets a value: a text as the file writes it, a list of such, or a list of maps.</summary>
    public void Set(string path, object value) => _values[path] = value;

    /// <summary>Sets a value that the other tool takes where its file sets none, and says so.</summary>
    public void SetDefault(string path, string value, string tool)
    {
        if (_values.ContainsKey(path)) return;
        _values[path] = value;
        Changed.Add($"{path} is set to {value}, the default of {tool}.");
    }

    public void Remove(string path) => _values.Remove(path);

    public void RemoveSection(string section)
    {
        foreach (var path in In(section).ToList()) Remove(path);
    }

    /// <summary>Whether a key of a section was set.</summary>
    public bool Has(string section) => In(section).Any();

    private IEnumerable<string> In(string section) => _values.Keys.Where(path => path.StartsWith(section + ".", StringComparison.Ordinal));

    /// <summary>The YAML, sections and keys in the order of a configuration's.</summary>
    public string ToYaml()
    {
        using var text = new StringWriter(CultureInfo.InvariantCulture) { NewLine = "\n" };
        var emitter = new Emitter(text, new EmitterSettings(bestIndent: 2, bestWidth: int.MaxValue, isCanonical: false, maxSimpleKeyLength: 128));
        emitter.Emit(new StreamStart());
        emitter.Emit(new DocumentStart(null, null, isImplicit: true));
        WriteSection(emitter, "");
        emitter.Emit(new DocumentEnd(isImplicit: true));
        emitter.Emit(new StreamEnd());
        return text.ToString();
    }

    private void WriteSection(Emitter emitter, string section)
    {
        emitter.Emit(new MappingStart(AnchorName.Empty, TagName.Empty, isImplicit: true, MappingStyle.Block));
        foreach (var path in ConfigurationSchema.Paths)
        {
            var dot = path.LastIndexOf('.');
            if ((dot < 0 ? "" : path[..dot]) != section) continue;
            var isSection = Has(path);
            if (!isSection && !_values.ContainsKey(path)) continue;
            emitter.Emit(new Scalar(path[(dot + 1)..]));
            if (isSection) WriteSection(emitter, path);
            else Write(emitter, _values[path]);
        }

        emitter.Emit(new MappingEnd());
    }

    private static void Write(Emitter emitter, object value)
    {
        switch (value)
        {
            case IReadOnlyDictionary<string, string> map:
                emitter.Emit(new MappingStart(AnchorName.Empty, TagName.Empty, isImplicit: true, MappingStyle.Flow));
                foreach (var (name, inner) in map)
                {
                    emitter.Emit(new Scalar(name));
                    Write(emitter, inner);
                }

                emitter.Emit(new MappingEnd());
                break;
            case IEnumerable<object> list:
                emitter.Emit(new SequenceStart(AnchorName.Empty, TagName.Empty, isImplicit: true, SequenceStyle.Flow));
                foreach (var item in list) Write(emitter, item);
                emitter.Emit(new SequenceEnd());
                break;
            default:
                emitter.Emit(new Scalar((string)value));
                break;
        }
    }
}
