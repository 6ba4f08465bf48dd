using System.Globalization;
using System.Text.RegularExpressions;
using Horizon.Flow.Runs.Sections;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Horizon.Flow.Runs.Loading;

/// <summary>Writes a configuration as the YAML that <see cref="ConfigurationLoader"/> reads back to an equal one.</summary>
public static partial class ConfigurationWriter
{
    /// <summary>Every key with its value, defaults too.</summary>
    public static string ToYaml(RunConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        using var text = new StringWriter(CultureInfo.InvariantCulture) { NewLine = "\n" };
        var emitter = new Emitter(text, new EmitterSettings(bestIndent: 2, bestWidth: int.MaxValue, isCanonical: false, maxSimpleKeyLength: 128));
        emitter.Emit(new StreamStart());
        emitter.Emit(new DocumentStart(null, null, isImplicit: true));
        WriteSection(emitter, configuration, MappingStyle.Block);
        emitter.Emit(new DocumentEnd(isImplicit: true));
        emitter.Emit(new StreamEnd());
        return text.ToString();
    }

    private static void WriteSection(Emitter emitter, object section, MappingStyle style)
    {
        emitter.Emit(new MappingStart(AnchorName.Empty, TagName.Empty, isImplicit: true, style));
        foreach (var (name, key) in ConfigurationSchema.Keys(section.GetType()))
        {
            emitter.Emit(Plain(name));
            var value = key.Property.GetValue(section);
            Write(emitter, key.MayBeAuto && value is AutoKeyAttribute.Number ? AutoKeyAttribute.Word : value);
        }
        emitter.Emit(new MappingEnd());
    }

    private static void Write(Emitter emitter, object? value)
    {
        if (value is not null && ConfigurationSchema.IsSection(value.GetType()))
            WriteSection(emitter, value, value is OptimizerGroup or DataSetSection ? MappingStyle.Flow : MappingStyle.Block);
        else if (value is System.Collections.IEnumerable items and not string)
            WriteList(emitter, items);
        else
            emitter.Emit(Scalar(value));
    }

    private static void WriteList(Emitter emitter, System.Collections.IEnumerable items)
    {
        emitter.Emit(new SequenceStart(AnchorName.Empty, TagName.Empty, isImplicit: true, SequenceStyle.Flow));
        foreach (var item in items)
            Write(emitter, item);
        emitter.Emit(new SequenceEnd());
    }

    private static Scalar Scalar(object? value) => value switch
    {
        null => Plain("null"),
        string text when Simple().IsMatch(text) && text != "null" => Plain(text),
        string text => new Scalar(AnchorName.Empty, TagName.Empty, text, ScalarStyle.DoubleQuoted, isPlainImplicit: false, isQuotedImplicit: true),
        double number => Plain(number.ToString("R", CultureInfo.InvariantCulture)),
        Enum or bool => Plain(ConfigurationSchema.ValueName(value)),
        _ => Plain(Convert.ToString(value, CultureInfo.InvariantCulture)!),
    };

    private static Scalar Plain(string text) =>
        new(AnchorName.Empty, TagName.Empty, text, ScalarStyle.Plain, isPlainImplicit: true, isQuotedImplicit: false);

    // Words that need no quotes in any YAML. "Null" and "NULL" are null too, hence no capital at the start.
    [GeneratedRegex(@"\A[a-z/][A-Za-z0-9_./:-]*[A-Za-z0-9_/]\z", RegexOptions.CultureInvariant)]
    private static partial Regex Simple();
}
