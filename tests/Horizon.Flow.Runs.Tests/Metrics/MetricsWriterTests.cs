using System.Text.Json;
using Horizon.Flow.Accounting;
using Horizon.Flow.Runs.Metrics;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Runs.Tests.Metrics;

public sealed class MetricsWriterTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string MetricsPath => Path.Combine(_folder.Path, "metrics.jsonl");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Write_Step_HasTheContractsKeys()
    {
        using var writer = MetricsWriter.Create(MetricsPath);
        writer.Write(new StepReport(7, 2.5, 1.25, 1e-4, 2048, TimeSpan.FromSeconds(2), 10, 20, Skipped: false));
        writer.WriteEvaluation(7, 2.25);
        // Read while the writer is open: every line is on its way at once.
        Assert.Equal(
            [
                """{"step":7,"loss":2.5,"grad_norm":1.25,"learning_rate":0.0001,"tokens":2048,"seconds":2,"tokens_per_second":1024,"device_bytes_peak":10,"host_bytes":20}""",
                """{"step":7,"eval_loss":2.25}""",
            ],
            Lines());
    }

    [Cases(200)]
    public void WriteNotice_AnyText_IsALineThatAResumedRunKeeps(string? text)
    {
        using (var writer = MetricsWriter.Create(MetricsPath))
        {
            writer.WriteNotice(3, $"{text}{new string('\u0007', 600)}");
            writer.WriteNotice(4, "later");
        }

        using (MetricsWriter.Resume(MetricsPath, lastStep: 3))
        {
        }

        using var line = JsonDocument.Parse(Assert.Single(Lines()));
        Assert.Equal(500, line.RootElement.GetProperty("notice").GetString()!.Length);
    }

    [Cases(200)]
    public void Write_AnyNumbers_IsJsonWithNullForTheNonFinite(double loss, double norm, double rate, long ticks, bool skipped)
    {
        using (var writer = MetricsWriter.Create(MetricsPath))
            writer.Write(new StepReport(1, loss, norm, rate, 5, new TimeSpan(ticks), 0, 0, skipped));
        using var line = JsonDocument.Parse(Assert.Single(Lines()));
        Expect(loss, line.RootElement.GetProperty("loss"));
        Expect(norm, line.RootElement.GetProperty("grad_norm"));
        Expect(rate, line.RootElement.GetProperty("learning_rate"));
        Assert.Equal(skipped, line.RootElement.TryGetProperty("skipped", out _));
    }

    // The resumed run evaluates again after the step that it goes on from.
    [Theory]
    [InlineData("")]
    [InlineData("{\"step\":2,\"eval_loss\":1}\n")]
    [InlineData("{\"step\":2,\"eval_loss\":null}\n")]
    [InlineData("{\"step\":4,\"lo")]
    [InlineData("\n")]
    [InlineData("not json\n")]
    [InlineData("{\"step\":4}\n{\"step\":1}\n")]
    public void Resume_LaterAndBrokenLines_AreRemoved(string tail)
    {
        File.WriteAllText(MetricsPath, "{\"step\":1}\n{\"step\":1,\"eval_loss\":1}\n{\"step\":2}\n" + tail + "{\"step\":3}\n" + tail);
        using (var writer = MetricsWriter.Resume(MetricsPath, lastStep: 2))
            writer.WriteEvaluation(3, 0.5);
        Assert.Equal(["{\"step\":1}", "{\"step\":1,\"eval_loss\":1}", "{\"step\":2}", "{\"step\":3,\"eval_loss\":0.5}"], Lines());
    }

    [Fact]
    public void Resume_NoFile_StartsOne()
    {
        MetricsWriter.Resume(MetricsPath, lastStep: 2).Dispose();
        Assert.Empty(Lines());
    }

    [Fact]
    public void Resume_GigabyteLine_IsNotHeldInMemory()
    {
        File.WriteAllText(MetricsPath, "{\"step\":1}\n" + new string('x', 1 << 20));
        MetricsWriter.Resume(MetricsPath, lastStep: 9).Dispose();
        Assert.Equal(["{\"step\":1}"], Lines());
    }

    [Fact]
    public void Create_NoSuchFolder_NamesTheFile()
    {
        var error = Assert.Throws<HorizonException>(() => MetricsWriter.Create(Path.Combine(_folder.Path, "no", "metrics.jsonl")));
        Assert.Contains("metrics.jsonl", error.Message, StringComparison.Ordinal);
    }

    private static void Expect(double expected, JsonElement actual)
    {
        if (double.IsFinite(expected))
            Assert.Equal(expected, actual.GetDouble());
        else
            Assert.Equal(JsonValueKind.Null, actual.ValueKind);
    }

    private string[] Lines()
    {
        using var file = new FileStream(MetricsPath, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var reader = new StreamReader(file);
        return reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
