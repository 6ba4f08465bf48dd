using System.Globalization;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Cli.Tests;

public class ByteSizeTests
{
    [Theory]
    [InlineData("80GiB", 80L << 30)]
    [InlineData("1.5TiB", 3L << 39)]
    [InlineData("512MB", 512_000_000)]
    [InlineData("512 mib", 512L << 20)]
    [InlineData("1k", 1000)]
    [InlineData("0", 0)]
    [InlineData("17 B", 17)]
    [InlineData("9223372036854775807", long.MaxValue)]
    public void Parse_KnownUnits_GivesBytes(string text, long bytes) => Assert.Equal(new ByteSize(bytes), ByteSize.Parse(text));

    [Theory]
    [InlineData("")]
    [InlineData("GiB")]
    [InlineData("-1GiB")]
    [InlineData("1,5GiB")]
    [InlineData("1e3")]
    [InlineData("80GiBs")]
    [InlineData("8EiB")]
    [InlineData("9999999999999999999EiB")]
    [InlineData("9223372036854775808")]
    public void Parse_SomethingElse_IsRefusedByName(string text)
    {
        Assert.False(ByteSize.TryParse(text, out _));
        Assert.Contains($"'{text}'", Assert.Throws<HorizonException>(() => ByteSize.Parse(text)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, "0 B")]
    [InlineData(1023, "1023 B")]
    [InlineData(1536, "1.5 KiB")]
    [InlineData((1L << 30) - 1, "1 GiB")]
    [InlineData(long.MaxValue, "8 EiB")]
    [InlineData(-2048, "-2 KiB")]
    public void ToString_Amounts_AreShort(long bytes, string expected) => Assert.Equal(expected, new ByteSize(bytes).ToString());

    [Cases]
    public void Parse_ExactBytes_RoundTrips(long bytes)
    {
        bytes &= long.MaxValue;
        Assert.Equal(bytes, ByteSize.Parse(bytes.ToString(CultureInfo.InvariantCulture)).Bytes);
    }

    [Cases(500)]
    public void Parse_WhatToStringWrote_IsWithinItsTwoDecimals(long bytes, byte shift)
    {
        bytes = (bytes & long.MaxValue) >> (shift % 63);
        if (bytes > (long.MaxValue / 1024) * 1023)
            return; // Prints as 8 EiB, which is one byte more than a long holds.
        var parsed = ByteSize.Parse(new ByteSize(bytes).ToString()).Bytes;
        Assert.InRange(parsed, bytes * 0.994, bytes * 1.006);
    }

    [Cases]
    public void TryParse_AnyText_NeverThrows(string? text) => Assert.Equal(ByteSize.TryParse(text, out var size), size.Bytes > 0 || ByteSize.TryParse(text, out _));
}
