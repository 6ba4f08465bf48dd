using System.Text;
using Horizon.Flow.Text.Data;
using Horizon.Flow.Text.Preferences;

namespace Horizon.Flow.Text.Tests.Preferences;

/// <summary>Every shape of a preference is read as the plain record of its prompt and each answer is; what is none is refused by line.</summary>
public class PreferenceReaderTests
{
    private const string Ask = """{"role":"user","content":"What is the sky?"}""";
    private const string Blue = """{"role":"assistant","content":"Blue."}""";
    private const string Green = """{"role":"assistant","content":"Green, mostly."}""";
    private const string System = """{"role":"system","content":"Be short."}""";

    [Theory]
    [InlineData($$"""{"prompt":[{{Ask}}],"chosen":[{{Blue}}],"rejected":[{{Green}}]}""", $"[{Ask}]")]
    [InlineData($$"""{"chosen":[{{Ask}},{{Blue}}],"rejected":[{{Ask}},{{Green}}]}""", $"[{Ask}]")]
    [InlineData($$"""{"prompt":"What is the sky?","chosen":[{{Ask}},{{Blue}}],"rejected":[{{Ask}},{{Green}}],"score_chosen":8}""", $"[{Ask}]")]
    [InlineData($$"""{"prompt":"What is the sky?","chosen":[{{Blue}}],"rejected":[{{Green}}]}""", $"[{Ask}]")]
    [InlineData($$"""{"prompt":[{{System}},{{Ask}}],"chosen":[{{Blue}}],"rejected":[{{Green}}]}""", $"[{System},{Ask}]")]
    [InlineData("""{"conversations":[{"from":"human","value":"What is the sky?"}],"chosen":{"from":"gpt","value":"Blue."},"rejected":{"from":"gpt","value":"Green, mostly."}}""", $"[{Ask}]")]
    [InlineData($$"""{"messages":[{{System}},{{Ask}}],"chosen":{{Blue}},"rejected":{{Green}}}""", $"[{System},{Ask}]")]
    [InlineData($$"""{"messages":[{{Ask}}],"chosen":"Blue.","rejected":"Green, mostly."}""", $"[{Ask}]")]
    [InlineData("""{"system":"Be short.","question":"What is the sky?","chosen":"Blue.","rejected":"Green, mostly."}""", $"[{System},{Ask}]")]
    [InlineData("""{"instruction":"What is","input":"the sky?","chosen":"Blue.","rejected":"Green, mostly."}""", """[{"role":"user","content":"What is\nthe sky?"}]""")]
    [InlineData("""{"instruction":"What is the sky?","input":"","history":[["Hi","Hello"]],"chosen":"Blue.","rejected":"Green, mostly."}""",
        $$"""[{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello"},{{Ask}}]""")]
    [InlineData($$"""{"input":{"messages":[{{Ask}}],"tools":[],"parallel_tool_calls":true},"preferred_output":[{{Blue}}],"non_preferred_output":[{{Green}}]}""", $"[{Ask}]")]
    public void ReadPairs_Turns_AreTheConversationsOfEachAnswer(string record, string prompt)
    {
        var pair = Assert.Single(Pairs(record).Examples);
        AssertSame(Plain($$"""{"prompt":{{prompt}},"completion":[{{Blue}}]}"""), pair.Chosen);
        AssertSame(Plain($$"""{"prompt":{{prompt}},"completion":[{{Green}}]}"""), pair.Rejected);
        Assert.DoesNotContain(Pairs(record).Notices, notice => notice.Contains("keys", StringComparison.Ordinal) && !record.Contains("score_chosen", StringComparison.Ordinal));
        Assert.Contains("Blue.", Learned(pair.Chosen), StringComparison.Ordinal);
        Assert.DoesNotContain("sky", Learned(pair.Chosen), StringComparison.Ordinal);
        Assert.DoesNotContain("Hello", Learned(pair.Chosen), StringComparison.Ordinal);
    }

    /// <summary>Turns end where the assistant's answer begins; all other keys stay with the prompt.</summary>
    [Theory]
    [InlineData($$"""{"prompt":[{{Ask}}],"result":4}""")]
    [InlineData($$"""{"messages":[{{Ask}}],"result":4}""")]
    [InlineData("""{"question":"What is the sky?","result":4}""")]
    [InlineData("""{"instruction":"What is","input":"the sky?","result":4}""")]
    [InlineData($$"""{"system":"Be short.","prompt":[{{Ask}}],"result":4}""")]
    public void ReadPrompts_Turns_AreTheConversationUpToTheAnswer(string record)
    {
        var prompt = Assert.Single(Prompts(record).Examples);
        Assert.Equal(4, prompt.Record.GetProperty("result").GetInt32());
        var whole = Plain(record.Contains("Be short", StringComparison.Ordinal) ? $$"""{"prompt":[{{System}},{{Ask}}],"completion":[{{Blue}}]}"""
            : record.Contains("input", StringComparison.Ordinal) ? $$"""{"prompt":[{"role":"user","content":"What is\nthe sky?"}],"completion":[{{Blue}}]}"""
            : $$"""{"prompt":[{{Ask}}],"completion":[{{Blue}}]}""");
        Assert.Equal(whole.InputIds.Take(prompt.Ids.Count), prompt.Ids);
        Assert.True(Array.FindIndex(whole.Labels, label => label != TokenDocument.Ignored) >= prompt.Ids.Count);
        Assert.Contains("the sky?", prompt.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void ReadPrompts_QuestionWithAHistory_ComesAfterIt()
    {
        var prompt = Assert.Single(Prompts("""{"question":"What is the sky?","history":[["Hi","Hello"]]}""").Examples);
        var turns = Assert.Single(Prompts($$"""{"prompt":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello"},{{Ask}}]}""").Examples);
        Assert.Equal(turns.Ids, prompt.Ids);
        Assert.Contains("Hello", prompt.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void ReadPrompts_Text_IsGoneOnWith()
    {
        var prompt = Assert.Single(Prompts("""{"prompt":"The sky is","number":7}""").Examples);
        Assert.Equal("The sky is", prompt.Text);
        Assert.Equal(Plain("""{"prompt":"The sky is","completion":" blue."}""").InputIds.Take(prompt.Ids.Count), prompt.Ids);
    }

    [Theory]
    [InlineData("""{"text":"The sky is"}""", "a prompt is missing; known are prompt, messages, instruction, question, and data.columns.prompt names another key.")]
    [InlineData("""{"prompt":7}""", "'prompt' must be a text or a list of turns.")]
    [InlineData("""{"messages":"x"}""", "'messages' must be a list of turns.")]
    [InlineData("""[1]""", "a record must be an object with keys.")]
    public void ReadPrompts_Malformed_IsRefusedByLine(string record, string expected)
    {
        var error = Assert.Throws<HorizonException>(() => Prompts(record));
        Assert.Contains(record[0] == '[' ? "record 1: " : "line 1: ", error.Message, StringComparison.Ordinal);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ReadPairs_Texts_AreOneTextEach()
    {
        var pair = Assert.Single(Pairs("""{"prompt":"The sky is","chosen":" blue.","rejected":" green."}""").Examples);
        AssertSame(Plain("""{"prompt":"The sky is","completion":" blue."}"""), pair.Chosen);
        AssertSame(Plain("""{"prompt":"The sky is","completion":" green."}"""), pair.Rejected);
    }

    [Theory]
    [InlineData("""{"prompt":"The sky is","completion":" blue.","label":true}""", """{"prompt":"The sky is","completion":" blue."}""", true)]
    [InlineData($$"""{"prompt":[{{Ask}}],"completion":[{{Green}}],"label":false}""", $$"""{"prompt":[{{Ask}}],"completion":[{{Green}}]}""", false)]
    [InlineData($$"""{"prompt":"What is the sky?","completion":[{{Blue}}],"label":true}""", $$"""{"prompt":[{{Ask}}],"completion":[{{Blue}}]}""", true)]
    [InlineData($$"""{"messages":[{{Ask}},{{Blue}},{{Ask}},{{Green}}],"label":false}""", $$"""{"prompt":[{{Ask}},{{Blue}},{{Ask}}],"completion":[{{Green}}]}""", false)]
    [InlineData($$"""{"instruction":"What is the sky?","input":"","output":"Blue.","kto_tag":true}""", $$"""{"prompt":[{{Ask}}],"completion":[{{Blue}}]}""", true)]
    [InlineData($$"""{"question":"What is the sky?","answer":"Blue.","label":true}""", $$"""{"prompt":[{{Ask}}],"completion":[{{Blue}}]}""", true)]
    public void ReadRated_EveryShape_IsThePlainRecordWithItsLabel(string record, string plain, bool isDesirable)
    {
        var answer = Assert.Single(Rated(record).Examples);
        AssertSame(Plain(plain), answer.Document);
        Assert.Equal(isDesirable, answer.IsDesirable);
    }

    [Theory]
    [InlineData("""{"prompt":"a","chosen":"b"}""", "'rejected' is missing")]
    [InlineData("""{"prompt":"a","chosen":"b","rejected":["c"]}""", "must both be texts, or both be lists")]
    [InlineData("""{"prompt":"a","chosen":"b","rejected":"b"}""", "are the same")]
    [InlineData("""{"chosen":"b","rejected":"c"}""", "'prompt' must be a text")]
    [InlineData($$"""{"chosen":[{{Blue}}],"rejected":[{{Green}}]}""", "must begin with the same turns and then differ")]
    [InlineData($$"""{"prompt":"Another","chosen":[{{Ask}},{{Blue}}],"rejected":[{{Ask}},{{Green}}]}""", "another turn of the user than 'prompt'")]
    [InlineData($$"""{"prompt":[{{Ask}}],"chosen":[{{Blue}}],"rejected":[7]}""", "every turn of 'rejected' must be an object")]
    [InlineData($$"""{"prompt":[{{Ask}}],"chosen":[{{Blue}}],"rejected":[{{Ask}}]}""", "another turn of the user")]
    [InlineData($$"""{"conversations":"a","chosen":{{Blue}},"rejected":{{Green}}}""", "every turn of 'conversations' must be an object")]
    [InlineData("""{"question":"a","history":["b"],"chosen":"b","rejected":"c"}""", "'history' must hold pairs of strings")]
    [InlineData("7", "must be an object")]
    [InlineData("""{"prompt":"a""", "not valid JSON")]
    public void ReadPairs_WhatIsNone_IsRefusedByLine(string record, string complaint) => AssertRefused(record, complaint, Pairs);

    [Theory]
    [InlineData("""{"prompt":"a","completion":"b"}""", "'label' is missing")]
    [InlineData("""{"prompt":"a","completion":"b","label":1}""", "'label' must be true or false")]
    [InlineData("""{"prompt":"a","completion":7,"label":true}""", "must both be texts, or lists of turns")]
    [InlineData("""{"completion":"b","label":true}""", "'prompt' is missing")]
    [InlineData($$"""{"messages":[{{Ask}}],"label":true}""", "'messages' must end with the answer that is rated")]
    [InlineData("""{"question":"a","answer":["b"],"label":true}""", "what the assistant says must be a text")]
    public void ReadRated_WhatIsNone_IsRefusedByLine(string record, string complaint) => AssertRefused(record, complaint, Rated);

    [Fact]
    public void ReadPairs_TooLong_IsLeftOutOrCut()
    {
        const string Record = """{"prompt":"The sky is","chosen":" blue and blue and blue and blue.","rejected":" green and green."}""";
        var whole = Pairs(Record).Examples[0];
        var length = whole.Chosen.InputIds.Length - 2;
        Assert.Contains("raise data.sequence_length", Assert.Throws<HorizonException>(() => Pairs(Record, options => options with { SequenceLength = length })).Message, StringComparison.Ordinal);
        var cut = Pairs(Record, options => options with { SequenceLength = length, TooLong = TooLong.Cut }).Examples[0];
        Assert.Equal(whole.Chosen.InputIds[..length], cut.Chosen.InputIds);
    }

    [Fact]
    public void ReadPairs_FewBadRecords_AreLeftOutAndSaid()
    {
        const string Good = """{"prompt":"The sky is","chosen":" blue.","rejected":" green."}""";
        var set = Pairs($"{Good}\n{{}}\n{Good}", options => options with { MaxBadShare = 0.5 });
        Assert.Equal((2, 1), (set.Examples.Count, set.BadRecords));
        Assert.Contains(set.Notices, notice => notice.Contains("line 2", StringComparison.Ordinal));
    }

    [Fact]
    public void ReadPairs_OptionsOfOtherData_AreRefused()
    {
        const string Good = """{"prompt":"The sky is","chosen":" blue.","rejected":" green."}""";
        foreach (var change in (Func<DataOptions, DataOptions>[])[
            options => options with { TrainOnPrompt = true }, options => options with { TrainOn = TrainOn.Last }, options => options with { TooLong = TooLong.Split },
            options => options with { Format = DataFormat.Messages }, options => options with { CacheFolder = "cache" }, options => options with { HeldOutShare = 0.1 }, options => options with { Sets = [new() { Path = "x" }] }])
            Assert.Contains("cannot be had with preferences", Assert.Throws<HorizonException>(() => Pairs(Good, change)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ReadPairs_NamesOfTheirOwn_AreSaidByColumnsAndRoles()
    {
        var pair = Assert.Single(Pairs(
            """{"talk":[{"who":"customer","said":"What is the sky?"}],"good":{"who":"robot","said":"Blue."},"bad":[{"who":"robot","said":"Green, mostly."}]}""",
            options => options with
            {
                Columns = new() { Turns = "talk", Chosen = "good", Rejected = "bad", Role = "who", Content = "said" },
                Roles = new Dictionary<string, string> { ["customer"] = "user", ["robot"] = "assistant" },
            }).Examples);
        AssertSame(Plain($$"""{"prompt":[{{Ask}}],"completion":[{{Blue}}]}"""), pair.Chosen);
        AssertSame(Plain($$"""{"prompt":[{{Ask}}],"completion":[{{Green}}]}"""), pair.Rejected);
        var rated = Assert.Single(Rated("""{"q":"What is the sky?","a":"Blue.","liked":false}""", options => options with { Columns = new() { Prompt = "q", Answer = "a", Label = "liked" } }).Examples);
        AssertSame(Plain($$"""{"prompt":[{{Ask}}],"completion":[{{Blue}}]}"""), rated.Document);
        Assert.False(rated.IsDesirable);
    }

    internal static PreferenceSet<PreferencePair> Pairs(string lines, Func<DataOptions, DataOptions>? change = null) =>
        In(lines, path => PreferenceReader.ReadPairs(Options(path, change), Tests.Data.Qwen, Tests.Data.Qwen.VocabularySize));

    internal static PreferenceSet<RatedAnswer> Rated(string lines, Func<DataOptions, DataOptions>? change = null) =>
        In(lines, path => PreferenceReader.ReadRated(Options(path, change), Tests.Data.Qwen, Tests.Data.Qwen.VocabularySize));

    private static PreferenceSet<PromptRecord> Prompts(string lines) =>
        In(lines, path => PreferenceReader.ReadPrompts(Options(path, null), Tests.Data.Qwen, Tests.Data.Qwen.VocabularySize));

    private static DataOptions Options(string path, Func<DataOptions, DataOptions>? change) => (change ?? (options => options))(new DataOptions { Path = path, Date = new(2026, 1, 1) });

    private static void AssertRefused<T>(string record, string complaint, Func<string, Func<DataOptions, DataOptions>?, PreferenceSet<T>> read)
    {
        var message = Assert.Throws<HorizonException>(() => read(record, null)).Message;
        Assert.Contains(".jsonl, line 1: ", message, StringComparison.Ordinal);
        Assert.Contains(complaint, message, StringComparison.Ordinal);
    }

    private static TokenDocument Plain(string record) => new DocumentBuilder(Tests.Data.Qwen, Tests.Data.Qwen.VocabularySize, TrainOn.Answers, new DateTime(2026, 1, 1, 12, 0, 0), new DataTally())
        .FromRecord(new RawRecord(Encoding.UTF8.GetBytes(record), default, "here").Parse(), DataFormat.Pairs)[0];

    private static string Learned(TokenDocument document) => Tests.Data.Qwen.Decode([.. document.Labels.Where(label => label != TokenDocument.Ignored)], skipSpecialTokens: false);

    private static void AssertSame(TokenDocument expected, TokenDocument actual)
    {
        Assert.Equal(expected.InputIds, actual.InputIds);
        Assert.Equal(expected.Labels, actual.Labels);
    }

    private static T In<T>(string lines, Func<string, T> read)
    {
        using var folder = new TemporaryFolder();
        return read(folder.Write("a.jsonl", lines));
    }
}
