using Horizon.Flow.Native;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Tests.Native;

public class NativeTorchTests
{
    [Fact]
    public void Load_CalledAgain_ReturnsTheSameFolder() => Assert.Equal(NativeTorch.Load(), NativeTorch.Load());

    [Fact]
    public void Build_OutputFolder_HasNoLibTorch() =>
        Assert.Empty(Directory.GetFiles(AppContext.BaseDirectory, "*torch_cpu.*", SearchOption.AllDirectories));

    [Fact]
    public void Matmul_SmallMatrices_IsRight()
    {
        using var scope = NewDisposeScope();
        var product = tensor(new float[] { 1, 2, 3, 4 }).reshape(2, 2).matmul(tensor(new float[] { 5, 6, 7, 8 }).reshape(2, 2));
        Assert.Equal([19f, 22f, 43f, 50f], product.data<float>().ToArray());
    }

    [Fact]
    public void Backward_SumOfSquares_IsTwiceTheInput()
    {
        using var scope = NewDisposeScope();
        var x = tensor(new float[] { 1, -2, 3 }, requires_grad: true);
        x.Squared().sum().backward();
        Assert.Equal([2f, -4f, 6f], x.grad!.data<float>().ToArray());
    }

    [Fact]
    public void ScaledDotProductAttention_Causal_FirstTokenSeesOnlyItself()
    {
        using var scope = NewDisposeScope();
        var query = ones(1, 1, 2, 4);
        var value = tensor(new float[] { 1, 1, 1, 1, 3, 3, 3, 3 }).reshape(1, 1, 2, 4);
        var seen = nn.functional.scaled_dot_product_attention(query, query, value, is_casual: true);
        Assert.Equal([1f, 1f, 1f, 1f, 2f, 2f, 2f, 2f], seen.data<float>().ToArray());
    }

    [Fact]
    public void FindFolder_NamedFolderWithoutLibTorch_NamesTheThreeWays()
    {
        var error = Assert.Throws<HorizonException>(() => NativeTorch.FindFolder("/nowhere", [AppContext.BaseDirectory], NativeTorch.Load()));
        Assert.Contains("'/nowhere'", error.Message, StringComparison.Ordinal);
        AssertNamesTheThreeWays(error);
    }

    [Fact]
    public void FindFolder_NothingAnywhere_NamesThePlacesAndTheThreeWays()
    {
        var error = Assert.Throws<HorizonException>(() => NativeTorch.FindFolder(null, ["/program"], "/cache"));
        Assert.Contains("'/program' or '/cache'", error.Message, StringComparison.Ordinal);
        AssertNamesTheThreeWays(error);
    }

    [Fact]
    public void FindFolder_NothingNamed_TakesTheBuildsChoice() =>
        Assert.Equal(NativeTorch.Load(), NativeTorch.FindFolder("", ["/program"], NativeTorch.Load()));

    private static void AssertNamesTheThreeWays(HorizonException error)
    {
        foreach (var way in (string[])["HorizonTorch=cpu", "HorizonTorch=cuda", "HorizonTorch=external", "HORIZON_LIBTORCH"])
            Assert.Contains(way, error.Message, StringComparison.Ordinal);
    }
}
