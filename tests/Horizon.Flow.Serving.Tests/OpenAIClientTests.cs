using System.ClientModel;
using Horizon.Flow.Runs.Generation;
using Horizon.Flow.Text.Templates;
using OpenAI.Chat;
using ChatMessage = OpenAI.Chat.ChatMessage;
using Turn = Horizon.Flow.Text.Templates.ChatMessage;

namespace Horizon.Flow.Serving.Tests;

/// <summary>OpenAI's own .NET package against the endpoint.</summary>
public sealed class OpenAIClientTests
{
    private static readonly ChatMessage[] _turns = [ChatMessage.CreateSystemMessage("Once "), ChatMessage.CreateUserMessage("upon a time")];

    [Fact]
    public async Task CompleteChat_GreedyAndCounted_IsWhatTheGeneratorSays()
    {
        await using var stories = await StoriesServer.StartAsync();
        var answer = (await stories.Client().CompleteChatAsync(_turns, new() { Temperature = 0, MaxOutputTokenCount = 24 })).Value;
        var expected = await Collect(stories.Generator, new GenerationOptions { Temperature = 0, MaxTokens = 24 });
        Assert.Equal(expected, answer.Content[0].Text);
        Assert.StartsWith(", there was a little girl named", expected, StringComparison.Ordinal);
        Assert.Equal((StoriesServer.Model, ChatFinishReason.Length, ChatMessageRole.Assistant), (answer.Model, answer.FinishReason, answer.Role));
        Assert.Equal((5, 24, 29), (answer.Usage.InputTokenCount, answer.Usage.OutputTokenCount, answer.Usage.TotalTokenCount));
    }

    [Fact]
    public async Task CompleteChat_StopText_EndsInFrontOfIt()
    {
        await using var stories = await StoriesServer.StartAsync();
        var options = new ChatCompletionOptions { Temperature = 0, MaxOutputTokenCount = 24 };
        options.StopSequences.Add("little");
        var answer = (await stories.Client().CompleteChatAsync(_turns, options)).Value;
        Assert.Equal((", there was a ", ChatFinishReason.Stop), (answer.Content[0].Text, answer.FinishReason));
    }

    [Fact]
    public async Task CompleteChatStreaming_Pieces_AreTheWholeAnswer()
    {
        await using var stories = await StoriesServer.StartAsync();
        var (text, updates, usage, finish) = ("", 0, (ChatTokenUsage?)null, (ChatFinishReason?)null);
        await foreach (var update in stories.Client().CompleteChatStreamingAsync(_turns, new() { Temperature = 0.9f, TopP = 0.9f, Seed = 7, MaxOutputTokenCount = 16 }))
        {
            text += string.Concat(update.ContentUpdate.Select(part => part.Text));
            (usage, finish) = (update.Usage ?? usage, update.FinishReason ?? finish);
            updates++;
        }

        Assert.True(updates >= 16, $"{updates} updates");
        Assert.Equal((16, ChatFinishReason.Length), (usage!.OutputTokenCount, finish));
        Assert.Equal(await Collect(stories.Generator, new GenerationOptions { Temperature = 0.9f, TopP = 0.9f, Seed = 7, MaxTokens = 16 }), text);
    }

    /// <summary>The token that was taken is the likeliest, and what is as likely is its logarithm.</summary>
    [Fact]
    public async Task CompleteChat_LogProbabilities_AreOfEachToken()
    {
        await using var stories = await StoriesServer.StartAsync();
        var answer = (await stories.Client().CompleteChatAsync(_turns, new() { Temperature = 0, MaxOutputTokenCount = 6, IncludeLogProbabilities = true, TopLogProbabilityCount = 3 })).Value;
        Assert.Equal(6, answer.ContentTokenLogProbabilities.Count);
        Assert.Equal(answer.Content[0].Text, string.Concat(answer.ContentTokenLogProbabilities.Select(token => token.Token)));
        Assert.All(answer.ContentTokenLogProbabilities, token =>
        {
            Assert.Equal(3, token.TopLogProbabilities.Count);
            Assert.Equal((token.Token, token.LogProbability), (token.TopLogProbabilities[0].Token, token.TopLogProbabilities[0].LogProbability));
            Assert.InRange(token.TopLogProbabilities.Sum(top => Math.Exp(top.LogProbability)), 0.1, 1);
        });
    }

    [Fact]
    public async Task CompleteChat_WhatIsNotSupported_IsRefusedByName()
    {
        await using var stories = await StoriesServer.StartAsync();
        var options = new ChatCompletionOptions { FrequencyPenalty = 0.5f };
        var refused = await Assert.ThrowsAsync<ClientResultException>(() => stories.Client().CompleteChatAsync(_turns, options));
        Assert.Equal(400, refused.Status);
        Assert.Contains("'frequency_penalty' is not supported here; leave it out.", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task CompleteChat_Key_IsAskedFor()
    {
        await using var stories = await StoriesServer.StartAsync(options => options with { ApiKey = "secret" });
        Assert.Equal(401, (await Assert.ThrowsAsync<ClientResultException>(() => stories.Client("secres").CompleteChatAsync(_turns))).Status);
        Assert.NotEmpty((await stories.Client("secret").CompleteChatAsync(_turns, new() { MaxOutputTokenCount = 2 })).Value.Content);
    }

    private static async Task<string> Collect(TextGenerator generator, GenerationOptions options)
    {
        var text = "";
        await foreach (var piece in generator.AnswerAsync(new Conversation(new Turn("system", "Once "), new Turn("user", "upon a time")), options)) text += piece.Text;
        return text;
    }
}
