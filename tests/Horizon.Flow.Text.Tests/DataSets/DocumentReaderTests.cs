using Horizon.Flow.Text.Batches;
using Horizon.Flow.Text.Data;
using Horizon.Flow.Text.Tokenizers;
using Horizon.Flow.Text.Tokens;

namespace Horizon.Flow.Text.Tests;

public class DocumentReaderTests
{
    [Fact]
    public void Read_AlpacaWithChatTemplate_TrainsTheAnswer()
    {
        var documents = Read(Data.Folder("sft/megatrain_alpaca_en_demo.json"), Data.Qwen);
        Assert.Equal(10, documents.Count);
        Assert.Equal(
            "<|im_start|>user\nConvert 3/4 to a decimal.<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\nTo convert 3/4 to a decimal, divide 3 by 4: 3 ÷ 4 = 0.75.<|im_end|>\n",
            Data.Qwen.Decode(documents[1].InputIds, false));
        Assert.Equal(
            "<think>\n\n</think>\n\nTo convert 3/4 to a decimal, divide 3 by 4: 3 ÷ 4 = 0.75.<|im_end|>\n", Trained(documents[1], Data.Qwen));
    }

    [Fact]
    public void Read_AlpacaWithoutChatTemplate_TakesStanfordsPromptAndEndToken()
    {
        var documents = Read(Data.Folder("sft/lf_identity.json"), Data.Stories);
        Assert.Equal(91, documents.Count);
        var text = Data.Stories.Decode(documents[0].InputIds, false);
        Assert.StartsWith("<s> Below is an instruction that describes a task. Write", text, StringComparison.Ordinal);
        Assert.Contains("### Instruction:\nhi\n\n### Response:Hello! I am {{name}}", text, StringComparison.Ordinal);
        Assert.EndsWith("Hello! I am {{name}}, an AI assistant developed by {{author}}. How can I assist you today?</s>", Trained(documents[0], Data.Stories), StringComparison.Ordinal);
        Assert.Equal(TokenDocument.Ignored, documents[0].Labels[0]);
    }

    [Fact]
    public void Read_MessagesWithContentParts_TrainsEveryAnswer()
    {
        var documents = Read(Data.Folder("sft/lf_v1_sft_demo.jsonl"), Data.Qwen);
        Assert.Equal(500, documents.Count);
        Assert.All(documents, document => Assert.Contains(document.Labels, label => label != TokenDocument.Ignored));
        Assert.Equal(
            "<think>\n\n</think>\n\nHello! I am {{name}}, an AI assistant developed by {{author}}. How can I assist you today?<|im_end|>\n",
            Trained(documents[0], Data.Qwen));
    }

    [Theory]
    [InlineData("""{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b","loss_weight":0},{"role":"user","content":"c"},{"role":"assistant","content":"d"}]}""", "<think>\n\n</think>\n\nd<|im_end|>\n")]
    [InlineData("""{"conversations":[{"from":"human","value":"a"},{"from":"gpt","value":"b"},{"from":"human","value":"c"},{"from":"gpt","value":"d"}]}""", "b<|im_end|>\n<think>\n\n</think>\n\nd<|im_end|>\n")]
    [InlineData("""{"instruction":"c","input":"x","output":"d","system":"s","history":[["a","b"]]}""", "b<|im_end|>\n<think>\n\n</think>\n\nd<|im_end|>\n")]
    [InlineData("""{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":{"x":1}}}]},{"role":"tool","content":"3"},{"role":"assistant","content":"d"}],"tools":"[]"}""", "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"x\": 1}}\n</tool_call><|im_end|>\n<think>\n\n</think>\n\nd<|im_end|>\n")]
    [InlineData("""{"conversations":[{"from":"human","value":"a"},{"from":"gpt","value":"b","weight":0},{"from":"human","value":"c"},{"from":"gpt","value":"d","train":true}]}""", "<think>\n\n</think>\n\nd<|im_end|>\n")]
    [InlineData("""{"messages":[{"role":"human","content":"a"},{"role":"gpt","content":"b","train":false},{"role":"user","content":"c"},{"role":"model","content":"d"}]}""", "<think>\n\n</think>\n\nd<|im_end|>\n")]
    [InlineData("""{"conversations":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}],"system":"s","tools":""}""", "<think>\n\n</think>\n\nb<|im_end|>\n")]
    [InlineData("""{"instruction":"a","output":"b","history":null,"system":null}""", "<think>\n\n</think>\n\nb<|im_end|>\n")]
    [InlineData("""{"conversations":[{"from":"human","value":"a"},{"from":"function_call","value":"{\"name\":\"f\",\"arguments\":{\"x\":1}}"},{"from":"observation","value":"3"},{"from":"gpt","value":"d"}],"tools":"[{\"name\":\"f\"}]"}""", "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"x\": 1}}\n</tool_call><|im_end|>\n<think>\n\n</think>\n\nd<|im_end|>\n")]
    [InlineData("""{"question":"a","answer":"b"}""", "<think>\n\n</think>\n\nb<|im_end|>\n")]
    [InlineData("""{"query":"a","response":"b","system":"s"}""", "<think>\n\n</think>\n\nb<|im_end|>\n")]
    [InlineData("""{"instruction":"a","response":"b","input":"x"}""", "<think>\n\n</think>\n\nb<|im_end|>\n")]
    [InlineData("""{"input":"a","output":"b"}""", "<think>\n\n</think>\n\nb<|im_end|>\n")]
    [InlineData("""{"prompt":[{"role":"user","content":"a"},{"role":"assistant","content":"x"},{"role":"user","content":"c"}],"completion":[{"role":"assistant","content":"b"}]}""", "<think>\n\n</think>\n\nb<|im_end|>\n")]
    [InlineData("""{"messages":[{"from":"human","value":"a"},{"from":"gpt","value":"b"}]}""", "<think>\n\n</think>\n\nb<|im_end|>\n")]
    [InlineData("""{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"reasoning","value":"hm"},{"type":"text","value":"b"}]}]}""", "<think>\nhm\n</think>\n\nb<|im_end|>\n")]
    [InlineData("""{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"b"}]}]}""", "<think>\nhm\n</think>\n\nb<|im_end|>\n")]
    public void Read_Conversations_TrainWhatTheAssistantSays(string line, string expected)
    {
        using var folder = new TemporaryFolder();
        Assert.Equal(expected, Trained(Assert.Single(Read(folder.Write("a.jsonl", line), Data.Qwen)), Data.Qwen));
    }

    [Fact]
    public void Read_TrainOnPrompt_LabelsEveryToken()
    {
        using var folder = new TemporaryFolder();
        var file = folder.Write("a.jsonl", """{"instruction":"a","output":"b"}""");
        var document = Assert.Single(Read(file, Data.Qwen, options => options with { TrainOnPrompt = true }));
        Assert.Equal(document.InputIds, document.Labels);
    }

    [Fact]
    public void Read_PromptAndCompletion_IsOneTextWhoseEndIsLearned()
    {
        using var folder = new TemporaryFolder();
        var document = Assert.Single(Read(folder.Write("a.jsonl", """{"prompt":"The sky is","completion":" blue."}"""), Data.Stories));
        Assert.Equal("<s> The sky is blue.</s>", Data.Stories.Decode(document.InputIds, false));
        Assert.Equal("blue.</s>", Trained(document, Data.Stories).Trim());
    }

    [Fact]
    public void Read_ColumnsAndRolesOfTheirOwn_MeanWhatTheMappingSays()
    {
        using var folder = new TemporaryFolder();
        var pairs = folder.Write("a.jsonl", """{"q":"a","a":"b","output":"of another meaning"}""");
        var columns = new DataColumns { Prompt = "q", Answer = "a" };
        Assert.Equal("<think>\n\n</think>\n\nb<|im_end|>\n", Trained(Assert.Single(Read(pairs, Data.Qwen, o => o with { Columns = columns })), Data.Qwen));
        var turns = folder.Write("b.jsonl", """{"dialog":[{"role":"of another meaning","who":"customer","says":"a"},{"who":"agent","says":"b","content":"of another meaning"}]}""");
        columns = new DataColumns { Turns = "dialog", Role = "who", Content = "says" };
        var roles = new Dictionary<string, string> { ["customer"] = "user", ["agent"] = "assistant" };
        Assert.Equal("<think>\n\n</think>\n\nb<|im_end|>\n", Trained(Assert.Single(Read(turns, Data.Qwen, o => o with { Columns = columns, Roles = roles })), Data.Qwen));
        Assert.Contains("'dialog', which data.columns names, is missing", Assert.Throws<HorizonException>(() => Read(pairs, Data.Qwen, o => o with { Columns = columns })).Message, StringComparison.Ordinal);
    }

    /// <summary>Two named columns are the pair, whatever the format is called and whatever other pair the record has.</summary>
    [Theory]
    [InlineData(DataFormat.Auto)]
    [InlineData(DataFormat.Pairs)]
    [InlineData(DataFormat.Alpaca)]
    public void Read_ColumnsOfAPair_AreThePair(DataFormat format)
    {
        using var folder = new TemporaryFolder();
        var file = folder.Write("a.jsonl", """{"q":"a","a":"b","prompt":"c","completion":"d","question":"e","answer":"f"}""");
        var options = Read(file, Data.Qwen, o => o with { Format = format, Columns = new() { Prompt = "q", Answer = "a" } });
        Assert.Equal("<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\nb<|im_end|>\n", Data.Qwen.Decode(Assert.Single(options).InputIds, false));
    }

    [Fact]
    public void Read_PairsOfInstructionAndOutput_AreKnown()
    {
        using var folder = new TemporaryFolder();
        var file = folder.Write("a.jsonl", """{"instruction":"a","output":"b"}""");
        Assert.Equal(Read(file, Data.Qwen)[0].InputIds, Read(file, Data.Qwen, o => o with { Format = DataFormat.Pairs })[0].InputIds);
    }

    [Fact]
    public void Read_TrainOnLast_LearnsTheLastAnswerAlone()
    {
        using var folder = new TemporaryFolder();
        var file = folder.Write("a.jsonl", """{"conversations":[{"from":"human","value":"a"},{"from":"gpt","value":"b"},{"from":"human","value":"c"},{"from":"gpt","value":"d"}]}""");
        Assert.Equal("<think>\n\n</think>\n\nd<|im_end|>\n", Trained(Assert.Single(Read(file, Data.Qwen, o => o with { TrainOn = TrainOn.Last })), Data.Qwen));
    }

    /// <summary>Qwen3 drops the thoughts of turns before the last question, and keeps those of a turn that goes on with a tool's answer.</summary>
    [Fact]
    public void Read_TrainOnEach_LearnsEveryAnswerAsItWouldBeGenerated()
    {
        using var folder = new TemporaryFolder();
        var file = folder.Write("a.jsonl", """
            {"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"<think>\nx\n</think>\n\nb"},{"role":"user","content":"c"},{"role":"assistant","content":"<think>\ny\n</think>\n\nd"},{"role":"tool","content":"e"},{"role":"assistant","content":"f"}]}
            """);
        var documents = Read(file, Data.Qwen, o => o with { TrainOn = TrainOn.Each });
        Assert.Equal(["<think>\nx\n</think>\n\nb<|im_end|>\n", "<think>\ny\n</think>\n\nd<|im_end|>\n<think>\n\n</think>\n\nf<|im_end|>\n"], documents.Select(document => Trained(document, Data.Qwen)));
        Assert.DoesNotContain("x", Data.Qwen.Decode(documents[1].InputIds, skipSpecialTokens: false), StringComparison.Ordinal);
    }

    [Fact]
    public void Read_TrainOnEachWithNothingDropped_IsOneDocument()
    {
        using var folder = new TemporaryFolder();
        var file = folder.Write("a.jsonl", """
            {"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"},{"role":"assistant","content":"d","weight":0},{"role":"user","content":"e"},{"role":"assistant","content":"f"}]}
            """);
        var chatml = HuggingFaceTokenizer.Load(Data.Folder("qwen3-mini-tokenizer"), new TokenizerChanges
        {
            ChatTemplate = "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
        });
        var each = Assert.Single(Read(file, chatml, o => o with { TrainOn = TrainOn.Each }));
        var plain = Assert.Single(Read(file, chatml));
        Assert.Equal(plain.InputIds, each.InputIds);
        Assert.Equal(plain.Labels, each.Labels);
    }

    [Fact]
    public void Read_SeveralSets_TakesEachAsOftenAsItsWeightSays()
    {
        using var folder = new TemporaryFolder();
        string Write(string name, int first, int count) => folder.Write(name, string.Join('\n', Enumerable.Range(first, count).Select(i => $$"""{"input_ids":[{{i}},1]}""")));
        DataSetOptions[] sets =
        [
            new() { Path = Write("a.jsonl", 100, 4), Weight = 2.5 }, new() { Path = Write("b.jsonl", 200, 10), Weight = 0.5 }, new() { Path = Write("c.jsonl", 300, 900), MaxSamples = 3 },
        ];
        var counts = Read("many", null, o => o with { Sets = sets }).GroupBy(d => d.InputIds[0] / 100).ToDictionary(g => g.Key, g => g.GroupBy(d => d.InputIds[0]).Select(d => d.Count()).Order().ToList());
        Assert.Equal([2, 2, 3, 3], counts[1]);
        Assert.Equal([1, 1, 1, 1, 1], counts[2]);
        Assert.Equal([1, 1, 1], counts[3]);
    }

    [Theory]
    [InlineData(0.1)]
    [InlineData(0.5)]
    public void Read_HeldOutShare_PartsTheDocumentsInTwo(double share)
    {
        using var folder = new TemporaryFolder();
        var file = folder.Write("a.jsonl", string.Join('\n', Enumerable.Range(0, 50).Select(i => $$"""{"input_ids":[{{i}},1]}""")));
        var source = BatchSource.Open(new() { Path = file, HeldOutShare = share }, null, 512, 1, 1);
        var heldOut = source.HeldOut!;
        Assert.Equal((int)(50 * share), heldOut.Documents.Count);
        Assert.Equal(Enumerable.Range(0, 50), source.Documents.Concat(heldOut.Documents).Select(d => d.InputIds[0]).Order());
        // In the order of the file, whatever training's is.
        Assert.Equal(heldOut.Documents.SelectMany(d => d.InputIds.SkipLast(1)), Enumerable.Range(0, heldOut.MicroBatchesPerEpoch(0)).SelectMany(i => heldOut.GetMicroBatch(0, i).InputIds.Select(id => (int)id)));
        Assert.Equal(heldOut.Documents, BatchSource.Open(new() { Path = file, HeldOutShare = share }, null, 512, 1, 7).HeldOut!.Documents, (a, b) => a.InputIds.SequenceEqual(b.InputIds));
    }

    /// <summary>What is said of all sets holds for each that says nothing else.</summary>
    [Fact]
    public void Read_SetWithoutAFormat_TakesThatOfTheData()
    {
        using var folder = new TemporaryFolder();
        var file = folder.Write("a.jsonl", """{"text":"text","instruction":"a","output":"b"}""");
        DataSetOptions[] sets = [new() { Path = file }, new() { Path = file, Format = DataFormat.Alpaca }];
        var texts = Read("many", Data.Stories, o => o with { Sets = sets, Format = DataFormat.Text }).ConvertAll(d => Data.Stories.Decode(d.InputIds, false));
        Assert.Equal("<s> text</s>", texts[0]);
        Assert.Contains("### Instruction:", texts[1], StringComparison.Ordinal);
    }

    [Fact]
    public void Read_ToolsBesideAnyConversation_ReachTheTemplate()
    {
        using var folder = new TemporaryFolder();
        var file = folder.Write("a.jsonl", """{"conversations":[{"from":"human","value":"a"},{"from":"gpt","value":"b"}],"tools":"[{\"name\": \"f\", \"parameters\": {}}]","system":"s"}""");
        var text = Data.Qwen.Decode(Assert.Single(Read(file, Data.Qwen)).InputIds, false);
        Assert.Contains("""{"type": "function", "function": {"name": "f", "parameters": {}}}""", text, StringComparison.Ordinal);
        Assert.StartsWith("<|im_start|>system\ns\n\n# Tools", text, StringComparison.Ordinal);
    }

    /// <summary>With prompts trained too, a turn of weight 0 is all that is left out.</summary>
    [Fact]
    public void Read_TrainOnPromptWithAnAnswerOfNoWeight_LeavesThatAnswerOut()
    {
        using var folder = new TemporaryFolder();
        var file = folder.Write("a.jsonl", """{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"no","weight":0},{"role":"user","content":"c"},{"role":"assistant","content":"yes"}]}""");
        var document = Assert.Single(Read(file, Data.Qwen, options => options with { TrainOnPrompt = true }));
        Assert.Equal(
            "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n<|im_start|>user\nc<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\nyes<|im_end|>\n",
            Trained(document, Data.Qwen));
    }

    [Theory]
    [InlineData("""{"input_ids":[1,2,3,4],"completion_mask":[0,0,1,1]}""", "1,2,3,4", "-100,-100,3,4")]
    [InlineData("""{"input_ids":[1,2,3,4],"labels":[-100,2,3,4],"loss_mask":[true,true,false,true]}""", "1,2,3,4", "-100,2,-100,4")]
    [InlineData("""{"input_ids":[0,0,3,4,0],"attention_mask":[0,0,1,1,0]}""", "3,4", "3,4")]
    [InlineData("""{"input_ids":[1,2,3],"attention_mask":[1,1,1],"assistant_masks":[0,1,0]}""", "1,2,3", "-100,2,-100")]
    public void Read_TokensWithMasks_TrainsWhatTheySay(string line, string ids, string labels)
    {
        using var folder = new TemporaryFolder();
        var document = Assert.Single(Read(folder.Write("a.jsonl", line), null));
        Assert.Equal((ids, labels), (string.Join(',', document.InputIds), string.Join(',', document.Labels)));
    }

    /// <summary>One bad record in a thousand is passed over and counted; more are refused, naming the first.</summary>
    [Theory]
    [InlineData(2000, 2, 0.001, true)]
    [InlineData(2000, 3, 0.001, false)]
    [InlineData(2000, 1, 0, false)]
    [InlineData(12, 4, 0.5, true)]
    public void Open_BadRecords_ArePassedOverUpToAShare(int good, int bad, double share, bool isRead)
    {
        using var folder = new TemporaryFolder();
        var lines = Enumerable.Repeat("""{"input_ids":[1,2,3]}""", good - bad).ToList();
        for (var i = 0; i < bad; i++) lines.Insert((i + 1) * 2, i % 2 == 0 ? """{"input_ids":""" : """{"other":[1]}""");
        var options = new DataOptions { Path = folder.Write("a.jsonl", string.Join('\n', lines)), MaxBadShare = share };
        var first = $"{options.Path}, line 3: this is not valid JSON";
        if (isRead)
        {
            var summary = BatchSource.Open(options, null, 512, 1, 1).Summary;
            Assert.Equal((bad, good - bad), (summary.BadRecords, summary.Documents));
            Assert.StartsWith($"{bad:N0} of {good:N0} records are bad and left out; the first: {first}", Assert.Single(summary.Warnings, warning => warning.Contains("bad", StringComparison.Ordinal)), StringComparison.Ordinal);
        }
        else
        {
            var message = Assert.Throws<HorizonException>(() => BatchSource.Open(options, null, 512, 1, 1)).Message;
            Assert.StartsWith(first, message, StringComparison.Ordinal);
            Assert.Contains($"{bad} of {good:N0} records read are bad", message, StringComparison.Ordinal);
        }
    }

    /// <summary>A file of another kind is not read to its end before it is refused.</summary>
    [Fact]
    public void Open_BadRecordsWithoutEnd_AreRefusedSoon()
    {
        using var folder = new TemporaryFolder();
        var lines = string.Join('\n', Enumerable.Repeat("""{"input_ids":[1,2,3]}""", 10).Concat(Enumerable.Repeat("nonsense", 5000)));
        var message = Assert.Throws<HorizonException>(() => Read(folder.Write("a.jsonl", lines), null)).Message;
        Assert.Contains("a.jsonl, line 11: this is not valid JSON", message, StringComparison.Ordinal);
        Assert.Contains("502 of 512 records read are bad", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_FolderOfTexts_OneDocumentAFileInOrdinalOrder()
    {
        using var folder = new TemporaryFolder();
        folder.Write("b.txt", "second");
        folder.Write("B.txt", "first");
        folder.Write("c.jsonl", """{"text":"third"}""" + "\n\n" + """{"text":"fourth"}""");
        folder.Write("ignored.bin", "x");
        var documents = Read(folder.Path, Data.Stories);
        Assert.Equal(
            ["<s> first</s>", "<s> second</s>", "<s> third</s>", "<s> fourth</s>"], documents.Select(d => Data.Stories.Decode(d.InputIds, false)));
        Assert.All(documents, d => Assert.Equal(d.InputIds, d.Labels));
    }

    [Fact]
    public void Read_Tokens_NeedsNoTokenizer()
    {
        using var folder = new TemporaryFolder();
        var file = folder.Write("a.jsonl", """{"input_ids":[1,2,3],"labels":[-100,2,3]}""" + "\n" + """{"input_ids":[4,5]}""");
        var documents = Read(file, null);
        Assert.Equal([-100, 2, 3], documents[0].Labels);
        Assert.Equal([4, 5], documents[1].Labels);
    }

    [Theory]
    [InlineData("a.jsonl", "", "empty")]
    [InlineData("a.json", "[]", "empty")]
    [InlineData("a.txt", "", "empty")]
    [InlineData("a.jsonl", "{\"text\":\"x\"}\n{\"text\":", "line 2: this is not valid JSON")]
    [InlineData("a.json", "[{\"text\":\"x\"},\n{", "line 2: this is not valid JSON")]
    [InlineData("a.jsonl", "{\"prompt\":\"x\"}", "line 1: the format cannot be told")]
    [InlineData("a.jsonl", "{\"input_ids\":[1,2],\"attention_mask\":[1]}", "2 input_ids but 1 attention_mask")]
    [InlineData("a.jsonl", "{\"input_ids\":[1,2,3],\"attention_mask\":[1,0,1]}", "0 between tokens")]
    [InlineData("a.jsonl", "{\"input_ids\":[1,2],\"attention_mask\":[1,2]}", "must hold 0 and 1")]
    [InlineData("a.bin", "x", "set data.format")]
    [InlineData("a.jsonl", "{\"input_ids\":[1,2]}\n{\"input_ids\":[1,600]}", "line 2: the token id 600 is not in the model's vocabulary of 512")]
    [InlineData("a.jsonl", "{\"input_ids\":[1,-1]}", "the token id -1")]
    [InlineData("a.jsonl", "{\"input_ids\":[1,2],\"labels\":[1,-7]}", "the label -7")]
    [InlineData("a.jsonl", "{\"input_ids\":[1,2],\"labels\":[1]}", "2 input_ids but 1 labels")]
    [InlineData("a.jsonl", "{\"input_ids\":\"1\"}", "'input_ids' must be a list")]
    [InlineData("a.jsonl", "{\"input_ids\":[1.5]}", "whole numbers")]
    [InlineData("a.jsonl", "{\"instruction\":\"x\"}", "'output' is missing")]
    [InlineData("a.jsonl", "{\"instruction\":1,\"output\":\"\"}", "'instruction' must be a string")]
    [InlineData("a.jsonl", "{\"messages\":[]}", "no chat template", "chat template, and the tokenizer has none")]
    [InlineData("a.jsonl", "{\"text\":\"\\ud800\"}", "valid Unicode")]
    public void Read_WrongData_NamesFileLineAndReason(string name, string content, string complaint, string? other = null)
    {
        using var folder = new TemporaryFolder();
        var file = folder.Write(name, content);
        var message = Assert.Throws<HorizonException>(() => Read(file, Data.Stories)).Message;
        Assert.StartsWith(file, message, StringComparison.Ordinal);
        Assert.Contains(other ?? complaint, message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"messages":[]}""", "empty")]
    [InlineData("""{"messages":[{"role":"user"}]}""", "has no 'content'")]
    [InlineData("""{"messages":["x"]}""", "must be an object")]
    [InlineData("""{"messages":[{"role":"user","content":[{"type":"image"}]}]}""", "'image' cannot be trained")]
    [InlineData("""{"messages":[{"role":"assistant","content":"a","loss_weight":0.5}]}""", "must be 0 or 1")]
    [InlineData("""{"messages":[{"role":"user","content":"a","weight":1},{"role":"assistant","content":"b"}]}""", "set data.train_on_prompt")]
    [InlineData("""{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b","weight":1,"train":false}]}""", "another thing than the turn's other weight")]
    [InlineData("""{"messages":[{"role":"system","content":"a"},{"role":"user","content":"b"}],"system":"c"}""", "'system' is another text")]
    [InlineData("""{"conversations":[{"from":"function_call","value":"f(x)"}]}""", "a function call must be JSON")]
    [InlineData("""{"messages":[{"role":"user","content":"a"}],"tools":"{"}""", "'tools' is a string that is not valid JSON")]
    [InlineData("""{"conversations":[{"from":"alien","value":"a"}]}""", "'alien' is unknown")]
    [InlineData("""{"messages":[{"role":"user","content":"a"}],"documents":{"title":"t"}}""", "'documents' must be a list")]
    public void Read_WrongConversation_NamesLineAndReason(string line, string complaint)
    {
        using var folder = new TemporaryFolder();
        var file = folder.Write("a.jsonl", line);
        var message = Assert.Throws<HorizonException>(() => Read(file, Data.Qwen)).Message;
        Assert.StartsWith($"{file}, line 1: ", message, StringComparison.Ordinal);
        Assert.Contains(complaint, message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_MissingPathOrBytesThatAreNoText_SaysSo()
    {
        using var folder = new TemporaryFolder();
        Assert.Contains("does not exist", Assert.Throws<HorizonException>(() => Read(Path.Combine(folder.Path, "no"), null)).Message);
        Assert.Contains("no data files", Assert.Throws<HorizonException>(() => Read(folder.Path, null)).Message);
        File.WriteAllBytes(Path.Combine(folder.Path, "a.txt"), [0x61, 0xFF, 0x62]);
        Assert.Contains("not UTF-8", Assert.Throws<HorizonException>(() => Read(folder.Path, Data.Qwen)).Message);
        Assert.Contains("needs a tokenizer", Assert.Throws<HorizonException>(() => Read(folder.Write("b.jsonl", "{\"text\":\"\"}"), null)).Message);
    }

    private static List<TokenDocument> Read(string path, ITokenizer? tokenizer, Func<DataOptions, DataOptions>? change = null)
    {
        var options = new DataOptions { Path = path };
        options = change?.Invoke(options) ?? options;
        return [.. DocumentSet.Read(options, tokenizer, tokenizer?.VocabularySize ?? 512).Documents];
    }

    private static string Trained(TokenDocument document, HuggingFaceTokenizer tokenizer) => tokenizer.Decode(
        document.Labels.Where(label => label != TokenDocument.Ignored), skipSpecialTokens: false);
}
