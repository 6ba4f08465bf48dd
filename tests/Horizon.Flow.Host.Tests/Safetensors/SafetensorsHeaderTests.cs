using Horizon.Flow.Host.Safetensors;

namespace Horizon.Flow.Host.Tests;

public sealed class SafetensorsHeaderTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public static TheoryData<string, int, string> BadHeaders => new()
    {
        { "", 0, "not valid JSON" },
        { "[]", 0, "not a JSON object" },
        { "{", 0, "not valid JSON" },
        { "{} x", 0, "not valid JSON" },
        { "{\"\\ud800\":{}}", 0, "not valid JSON" },
        { "{\"x\":[[[[[[[[[[]]]]]]]]]]}", 0, "tensor x is not described" },
        { "{\"x\":{\"y\":[[[[[[[[[[]]]]]]]]]]}}", 0, "not valid JSON" },
        { "{\"__metadata__\":{\"a\":1}}", 0, "other than text under a" },
        { "{\"__metadata__\":{\"a\":\"b\",\"a\":\"b\"}}", 0, "holds a twice" },
        { "{\"x\":1}", 0, "tensor x is not described" },
        { "{\"x\":{}}", 0, "tensor x lacks" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4, "tensor x lacks" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,8]}}", 4, "more than 2 numbers" },
        { "{\"x\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "has dtype twice" },
        { "{\"x\":{\"dtype\":32,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "dtype that is no text" },
        { "{\"x\":{\"dtype\":\"f32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "unknown dtype f32" },
        { "{\"x\":{\"dtype\":\"7\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "unknown dtype 7" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":{},\"data_offsets\":[0,4]}}", 4, "no array of numbers in shape" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, "whole numbers" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,4]}}", 4, "whole numbers" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[\"1\"],\"data_offsets\":[0,4]}}", 4, "whole numbers" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[18446744073709551617],\"data_offsets\":[0,4]}}", 4, "whole numbers" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, "needs 8 bytes but has 4" },
        { "{\"x\":{\"dtype\":\"F4\",\"shape\":[3],\"data_offsets\":[0,2]}}", 2, "tensor x of shape [3]" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[4611686018427387905],\"data_offsets\":[0,4]}}", 4, "needs 18446744073709551620 bytes" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296,4294967296,4294967296],\"data_offsets\":[0,0]}}", 0, "no file can hold" },
        { "{\"x\":{\"dtype\":\"F4\",\"shape\":[4611686018427387904,2,0],\"data_offsets\":[0,0]}}", 0, "no file can hold" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4, "claims bytes 4 to 0" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 4, "claims bytes 0 to 8 of a data section of 4" },
        { "{\"x\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}", 2, "leaves a hole of 1 bytes" },
        { "{\"x\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 3, "last 2 bytes belong to no tensor" },
        {
            "{\"x\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},\"y\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}",
            3,
            "tensor y overlaps"
        },
        {
            "{\"x\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"x\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}",
            2,
            "tensor x is listed twice"
        },
    };

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(BadHeaders))]
    public void Open_BadHeader_IsRefusedWithReason(string header, int dataLength, string reason) =>
        AssertRefused(NaiveSafetensors.Build(header, dataLength), reason);

    [Fact]
    public void Open_InvalidUtf8_IsRefused() => AssertRefused(NaiveSafetensors.Build([(byte)'{', 0xC3, 0x28, (byte)'}'], []), "UTF-8");

    [Theory]
    [InlineData(-1)]
    [InlineData(3)]
    [InlineData(long.MaxValue)]
    [InlineData(long.MinValue)]
    public void Open_HeaderLongerThanFile_IsRefused(long length) =>
        AssertRefused([.. BitConverter.GetBytes(length), (byte)'{', (byte)'}'], "claims a header");

    [Theory]
    [InlineData(0, "is empty")]
    [InlineData(7, "it has 7 bytes")]
    public void Open_FileWithoutLength_IsRefused(int length, string reason) => AssertRefused(new byte[length], reason);

    [Fact]
    public void Open_EveryTruncationOfAFile_IsRefused()
    {
        var whole = NaiveSafetensors.Build(("x", NaiveSafetensors.Floats("F32", 1, 2)), ("y", NaiveSafetensors.Floats("F16", 3)));
        for (var length = 0; length < whole.Length; length++) AssertRefused(whole[..length], "");
    }

    [Fact]
    public void Open_MissingFileOrFolder_IsRefusedByName()
    {
        foreach (var path in new[] { _folder["nothing.safetensors"], _folder.Path, "a\0b" })
            Assert.Contains(path.Replace("\0", "\\u0000", StringComparison.Ordinal), Assert.Throws<HorizonException>(() => SafetensorsFile.Open(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_EmptyAndScalarTensors_AreFine()
    {
        const string Header = """
            {"none":{"dtype":"F32","shape":[3,0,9],"data_offsets":[4,4]},"one":{"dtype":"F32","shape":[],"data_offsets":[0,4]},
             "half":{"dtype":"F4","shape":[2,3],"data_offsets":[4,7],"later":{"field":[1]}}}
            """;
        using var file = SafetensorsFile.Open(_folder.Write("x.safetensors", NaiveSafetensors.Build(Header, 7)));
        Assert.Equal([0L, 1L, 6L], new[] { "none", "one", "half" }.Select(name => file.Tensors[name].Count));
    }

    [Fact]
    public void Open_HostileName_LeavesTheMessageOneLine()
    {
        var header = "{\"a\\n\\u001b[31m" + new string('z', 5000) + "\":1}";
        var error = Assert.Throws<HorizonException>(() => SafetensorsFile.Open(_folder.Write("x", NaiveSafetensors.Build(header, 0))));
        Assert.DoesNotContain(error.Message, char.IsControl);
        Assert.True(error.Message.Length < 600);
    }

    private void AssertRefused(byte[] contents, string reason)
    {
        var path = _folder.Write("bad.safetensors", contents);
        var error = Assert.Throws<HorizonException>(() => SafetensorsFile.Open(path).Dispose());
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.Contains("bad.safetensors", error.Message, StringComparison.Ordinal);
    }
}
