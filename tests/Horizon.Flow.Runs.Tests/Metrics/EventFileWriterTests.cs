using System.Text;
using Horizon.Flow.Accounting;
using Horizon.Flow.Runs.Metrics;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Runs.Tests.Metrics;

public sealed class EventFileWriterTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string EventsPath => Path.Combine(_folder.Path, EventFileWriter.FileName);

    public void Dispose() => _folder.Dispose();

    /// <summary>The check value of CRC-32C as its authors publish it, and TensorFlow's mask of it.</summary>
    [Fact]
    public void Reader_KnownText_HasThePublishedChecksum() =>
        Assert.Equal(unchecked(((0xe3069283u >> 15) | (0xe3069283u << 17)) + 0xa282ead8u), EventFileReader.Masked(Encoding.ASCII.GetBytes("123456789")));

    [Cases(100)]
    public void Write_AnyNumbers_AreReadBackByAnotherReader(double loss, double norm, double rate, int tokens, long device, bool skipped)
    {
        var report = new StepReport(7, loss, norm, rate, tokens, TimeSpan.FromSeconds(2), device, 20, skipped);
        using (var writer = EventFileWriter.Create(EventsPath)) writer.Write(report);
        var events = EventFileReader.Read(File.ReadAllBytes(EventsPath));
        Assert.Equal(("brain.Event:2", 0L), (events[0].Version, events[0].Step));
        var step = events[1];
        Assert.Equal(7, step.Step);
        Assert.True(step.WallTime > 1.7e9);
        Assert.Equal(
            [
                ("train/loss", (float)loss), ("train/grad_norm", (float)norm), ("train/learning_rate", (float)rate), ("train/skipped", skipped ? 1 : 0),
                ("speed/tokens_per_second", (float)report.TokensPerSecond), ("speed/step_seconds", 2), ("memory/device_bytes_peak", device), ("memory/host_bytes", 20),
            ],
            step.Scalars);
    }

    [Fact]
    public void Write_Evaluation_IsReadWhileTheWriterIsOpen()
    {
        using var writer = EventFileWriter.Create(EventsPath);
        writer.WriteEvaluation(12, 2.25);
        using var file = new FileStream(EventsPath, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var bytes = new MemoryStream();
        file.CopyTo(bytes);
        var evaluation = EventFileReader.Read(bytes.ToArray())[1];
        Assert.Equal((12L, ("eval/loss", 2.25f)), (evaluation.Step, Assert.Single(evaluation.Scalars)));
    }

    /// <summary>Whatever a killed run left of its last record, the file is whole again, and TensorBoard is told to forget the steps that are done again.</summary>
    [Cases(100)]
    public void Resume_CutFile_KeepsTheWholeRecordsAndRestarts(byte cut)
    {
        using (var writer = EventFileWriter.Create(EventsPath))
        {
            writer.WriteEvaluation(1, 3);
            writer.WriteEvaluation(2, 2);
        }

        using (var file = File.OpenWrite(EventsPath)) file.SetLength(Math.Max(0, file.Length - cut));
        using (var writer = EventFileWriter.Resume(EventsPath, lastStep: 1)) writer.WriteEvaluation(2, 1);
        var events = EventFileReader.Read(File.ReadAllBytes(EventsPath));
        Assert.Equal("brain.Event:2", events[0].Version);
        Assert.Equal((2L, 1), (events[^2].Step, events[^2].SessionStatus)); // SessionLog.START
        Assert.Equal((2L, 1f), (events[^1].Step, events[^1].Scalars[0].Value));
        Assert.Equal(cut == 0 ? 5 : Math.Min(events.Count, 4), events.Count);
    }

    [Fact]
    public void Create_Folder_IsOneSentence()
    {
        Directory.CreateDirectory(EventsPath);
        Assert.Contains("cannot be written", Assert.Throws<HorizonException>(() => EventFileWriter.Create(EventsPath)).Message, StringComparison.Ordinal);
    }
}
