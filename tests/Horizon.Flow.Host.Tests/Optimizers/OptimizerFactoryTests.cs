using Horizon.Flow.Host.Optimizers;

namespace Horizon.Flow.Host.Tests;

public sealed class OptimizerFactoryTests
{
    [Fact]
    public void Create_EachName_GivesThatRule() =>
        Assert.All(OptimizerFactory.Names, name => Assert.Equal(name, OptimizerFactory.Create(name).Name));

    [Fact]
    public void Create_UnknownName_NamesTheKnown()
    {
        var message = Assert.Throws<HorizonException>(() => OptimizerFactory.Create("adam")).Message;
        Assert.All(OptimizerFactory.Names, name => Assert.Contains(name, message, StringComparison.Ordinal));
    }

    [Fact]
    public void Create_BadSettings_NamesThemAll()
    {
        var options = new OptimizerOptions { Betas = (1, 0.9), Epsilon = 0, WeightDecay = -1, Groups = [new("*", -1)] };
        var message = Assert.Throws<HorizonException>(() => OptimizerFactory.Create("adamw", options)).Message;
        Assert.All(["betas[0] is 1", "eps is 0", "weight_decay is -1", "the learning rate factor of '*' is -1"], part => Assert.Contains(part, message, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("*norm.weight", "model.layers.3.input_layernorm.weight", true)]
    [InlineData("*norm.weight", "model.layers.3.mlp.up_proj.weight", false)]
    [InlineData("model.layers.?.*", "model.layers.12.mlp.up_proj.weight", false)]
    [InlineData("*.bias", "model.norm.Bias", false)]
    public void Matches_Glob_CoversTheWholeName(string pattern, string name, bool matches) =>
        Assert.Equal(matches, new ParameterGroup(pattern).Matches(name));
}
