using System.Text.Json;
using Horizon.Flow.Alignment.Policies;
using Horizon.Flow.Text.Preferences;

namespace Horizon.Flow.Alignment.Tests.Policies;

public class AnswerRewardTests
{
    [Theory]
    [InlineData(" He is happy.", 1, 0)]
    [InlineData(" He is Happy.", 0, 0)]
    [InlineData(" 42 ", 0, 1)]
    [InlineData("042", 0, 0)]
    public async Task Reward_ByTextAndColumn_IsOneWhereItPasses(string text, double contains, double equal)
    {
        Assert.Equal([contains], await AnswerReward.Contains("happy").RewardAsync([Answer(text)]));
        Assert.Equal([contains], await AnswerReward.Matches(@"\bh[a-z]+\.$").RewardAsync([Answer(text)]));
        Assert.Equal([equal], await AnswerReward.Equal("result").RewardAsync([Answer(text)]));
        Assert.Equal([equal], await AnswerReward.Equal("number").RewardAsync([Answer(text)]));
        Assert.Equal([text.Length], await new AnswerReward(answer => answer.Text.Length).RewardAsync([Answer(text)]));
    }

    [Fact]
    public async Task Reward_WhatCannotBeTold_IsSaid()
    {
        Assert.Contains("no column 'other' to compare its answers with; its prompt begins 'how much?'", await ErrorAsync(AnswerReward.Equal("other")), StringComparison.Ordinal);
        Assert.Contains("the column 'list' of a record is neither a text nor a number", await ErrorAsync(AnswerReward.Equal("list")), StringComparison.Ordinal);
        Assert.Contains("the reward of an answer is NaN", await ErrorAsync(new AnswerReward(_ => double.NaN)), StringComparison.Ordinal);
        Assert.Contains("'[' is no regular expression", Assert.Throws<HorizonException>(() => AnswerReward.Matches("[")).Message, StringComparison.Ordinal);
        Assert.Contains("takes more than 1 s for one answer", (await Assert.ThrowsAsync<HorizonException>(() => AnswerReward.Matches("(a+)+$").RewardAsync([Answer(new string('a', 40) + "b")]))).Message, StringComparison.Ordinal);
    }

    private static async Task<string> ErrorAsync(AnswerReward reward) => (await Assert.ThrowsAsync<HorizonException>(() => reward.RewardAsync([Answer("x")]))).Message;

    private static Answer Answer(string text)
    {
        var record = JsonElement.Parse("""{"prompt":"how much?","result":" 42","number":42,"list":[42]}""");
        return new Answer(new PromptRecord([1], "how much?", record) { Prompt = record.GetProperty("prompt") }, new Rollout(0, [1], [2], true), text);
    }
}
