using System.Globalization;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Text.Tokens;

namespace Horizon.Flow.Cli;

/// <summary>Says in lines how far the reading of data is: the first after some seconds, so that little data is read without a word.</summary>
/// <param name="output">Where the lines go.</param>
/// <param name="time">The clock.</param>
/// <param name="interval">The least time between two lines.</param>
public sealed class DataProgressLines(TextWriter output, TimeProvider time, TimeSpan interval) : IProgress<DataProgress>
{
    private readonly long _start = time.GetTimestamp();
    private TimeSpan _said;

    /// <summary>Lines every five seconds by the machine's clock.</summary>
    public static DataProgressLines To(TextWriter output) => new(output, TimeProvider.System, TimeSpan.FromSeconds(5));

    /// <inheritdoc/>
    public void Report(DataProgress value)
    {
        ArgumentNullException.ThrowIfNull(value);
        var elapsed = time.GetElapsedTime(_start);
        if (elapsed - _said < interval) return;
        _said = elapsed;
        var left = value.BytesRead > 0 && value.BytesRead < value.TotalBytes ? $", {ProgressText.Left(elapsed * ((double)(value.TotalBytes - value.BytesRead) / value.BytesRead))}" : "";
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"reading the data: {new ByteSize(value.BytesRead)} of {new ByteSize(value.TotalBytes)}, {value.Documents:N0} documents, {value.Tokens:N0} tokens{left}"));
        output.Flush();
    }
}
