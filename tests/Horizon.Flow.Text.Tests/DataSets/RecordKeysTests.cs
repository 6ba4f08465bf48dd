using System.Text;
using Horizon.Flow.Text.Batches;
using Horizon.Flow.Text.Data;
using Horizon.Flow.Text.Templates;
using Horizon.Flow.Text.Tokenizers;

namespace Horizon.Flow.Text.Tests;

/// <summary>No key of a record is ignored in silence: it is used, known to be harmless, refused by name, or said with a count.</summary>
public class RecordKeysTests
{
    private const string Talk = """[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]""";
    private const string Turns = """[{"from":"human","value":"a"},{"from":"gpt","value":"b"}]""";

    [Theory]
    [InlineData($$$"""{"conversations":{{{Turns}}},"chosen":{"from":"gpt","value":"b"},"rejected":{"from":"gpt","value":"c"}}""", "'chosen' makes this a record of preferences")]
    [InlineData($$$"""{"messages":{{{Talk}}},"label":false}""", "'label' makes this a record of preferences")]
    [InlineData("""{"instruction":"a","output":"b","kto_tag":true}""", "'kto_tag' makes this a record of preferences")]
    [InlineData("""{"prompt":"a","chosen":"b","rejected":"c"}""", "'chosen' makes this a record of preferences")]
    [InlineData($$$"""{"messages":{{{Talk}}},"images":["a.png"]}""", "'images' goes with the text")]
    [InlineData("""{"messages":[{"role":"user","content":"<image>a","images":["a.png"]},{"role":"assistant","content":"b"}]}""", "'images' goes with the text")]
    [InlineData($$$"""{"messages":{{{Talk}}},"weight":0}""", "'weight' of a whole record")]
    [InlineData("""{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b","train_detail":[]},{"role":"assistant","content":"b","train_detail":[{"begin_offset":0,"end_offset":1,"train":false}]}]}""", "'train_detail' trains parts of a turn")]
    [InlineData("""{"input_ids":[1,2,3],"position_ids":[0,1,0]}""", "'position_ids' lays several documents")]
    [InlineData("""{"input_ids":[1,2,3],"seq_lengths":[2,1]}""", "'seq_lengths' lays several documents")]
    public void Open_KeyThatChangesTraining_IsRefusedByName(string record, string complaint)
    {
        // However few such records there are: they say what kind of data set it is.
        using var folder = new TemporaryFolder();
        var file = folder.Write("a.jsonl", record);
        var options = new DataOptions { Path = file, MaxBadShare = 1 };
        var message = Assert.Throws<HorizonException>(() => BatchSource.Open(options, Data.Qwen, Data.Qwen.VocabularySize, 1, 1)).Message;
        Assert.StartsWith($"{file}, line 1: ", message, StringComparison.Ordinal);
        Assert.Contains(complaint, message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData($$$"""{"messages":{{{Talk}}},"id":7,"source":"x","images":[],"chosen":null,"weight":1}""", null)]
    [InlineData($$$"""{"messages":{{{Talk}}},"odd":7,"label":1}""", "label: 2, odd: 2")]
    [InlineData("""{"messages":[{"role":"user","content":"a","mood":"gay"},{"role":"assistant","content":"b","id":1}]}""", "mood (of turns): 2")]
    [InlineData("""{"input_ids":[1,2],"position_ids":[0,1],"length":2,"token_type_ids":[0,0]}""", null)]
    [InlineData("""{"text":"a b","label":1,"title":"t"}""", "label: 2")]
    public void Open_OtherKeys_AreSaidOnceWithACountUnlessKnown(string record, string? expected)
    {
        var warnings = Open($"{record}\n{record}").Summary.Warnings;
        if (expected is null) Assert.DoesNotContain(warnings, warning => warning.StartsWith("keys", StringComparison.Ordinal));
        else Assert.Single(warnings, $"keys that are neither used nor known, with how often they occur: {expected}.");
    }

    /// <summary>What a template has no place for would be lost in silence.</summary>
    [Theory]
    [InlineData($$$"""{"messages":{{{Talk}}},"tools":[{"name":"f"}]}""", "'tools' would be lost")]
    [InlineData("""{"messages":[{"role":"user","content":"a"},{"role":"assistant","tool_calls":[{"name":"f"}]}]}""", "'tool_calls' would be lost")]
    [InlineData("""{"conversations":[{"from":"human","value":"a"},{"from":"function_call","value":"{\"name\":\"f\",\"arguments\":{}}"}]}""", "'tool_calls' would be lost")]
    public void FromRecord_TemplateWithoutTools_RefusesThem(string record, string complaint)
    {
        var template = ChatTemplate.Parse("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}", "plain");
        var reader = new ConversationReader(template, TrainOn.Answers, DateTime.UnixEpoch, new DataTally());
        var parsed = new RawRecord(Encoding.UTF8.GetBytes(record), default, "here").Parse();
        var format = parsed.Has("messages") ? DataFormat.Messages : DataFormat.ShareGpt;
        Assert.Contains(complaint, Assert.Throws<BadRecordException>(() => reader.Read(parsed, format)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_AnswersThatNeverEnd_AreWarnedOf()
    {
        var endless = WithTemplate("{% for m in messages %}{% if not loop.first %}<|im_end|>{% endif %}{{ m.role }}: {{ m.content }}{% endfor %}{% if add_generation_prompt %}<|im_end|>assistant: {% endif %}");
        var record = $$$"""{"messages":{{{Talk}}}}""";
        Assert.Contains("the model will not learn to stop", Assert.Single(Open(record, endless).Summary.Warnings), StringComparison.Ordinal);
        Assert.Empty(Open(record).Summary.Warnings);
    }

    /// <summary>A template that no document goes through writes no date.</summary>
    [Fact]
    public void Open_TemplateThatWritesTheDate_IsWarnedOfWhereItIsUsed()
    {
        var dated = WithTemplate("{{ strftime_now('%Y') }}{% for m in messages %}{{ m.role }}: {{ m.content }}<|im_end|>{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}");
        Assert.Contains("set data.date", Assert.Single(Open($$$"""{"messages":{{{Talk}}}}""", dated).Summary.Warnings), StringComparison.Ordinal);
        Assert.Empty(Open("""{"text":"plain"}""", dated).Summary.Warnings);
        Assert.Empty(Open("""{"prompt":"a","completion":"b"}""", dated).Summary.Warnings);
    }

    private static HuggingFaceTokenizer WithTemplate(string template)
    {
        using var folder = new TemporaryFolder();
        foreach (var file in Directory.GetFiles(Data.Folder("qwen3-mini-tokenizer"))) File.Copy(file, Path.Combine(folder.Path, Path.GetFileName(file)));
        folder.Write("chat_template.jinja", template);
        return HuggingFaceTokenizer.Load(folder.Path);
    }

    private static BatchSource Open(string lines, HuggingFaceTokenizer? tokenizer = null)
    {
        using var folder = new TemporaryFolder();
        tokenizer ??= Data.Qwen;
        return BatchSource.Open(new DataOptions { Path = folder.Write("a.jsonl", lines) }, tokenizer, tokenizer.VocabularySize, 1, 1);
    }
}
