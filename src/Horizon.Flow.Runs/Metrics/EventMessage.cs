using Google.Protobuf;

namespace Horizon.Flow.Runs.Metrics;

/// <summary>
/// TensorBoard's <c>Event</c> message, as far as it is needed for scalars. Fields by number: wall_time 1, step 2, file_version 3, summary 5 (of values 1: tag 1,
/// simple_value 2), session_log 7 (status 1). Source: tensorboard/compat/proto/event.proto and summary.proto.
/// </summary>
internal static class EventMessage
{
    private const int SessionStart = 1;

    /// <summary>What a file begins with.</summary>
    public static byte[] FileVersion(double wallTime) => Write(wallTime, 0, output =>
    {
        output.WriteTag(3, WireFormat.WireType.LengthDelimited);
        output.WriteString("brain.Event:2");
    });

    /// <summary>A run goes on with <paramref name="step"/>: what the file holds of it and of later ones is to be forgotten.</summary>
    public static byte[] Restart(double wallTime, long step) => Write(wallTime, step, output => WriteMessage(output, 7, log =>
    {
        log.WriteTag(1, WireFormat.WireType.Varint);
        log.WriteEnum(SessionStart);
    }));

    /// <summary>Numbers of a step.</summary>
    public static byte[] Scalars(double wallTime, long step, IReadOnlyList<(string Tag, double Value)> scalars) => Write(wallTime, step, output => WriteMessage(output, 5, summary =>
    {
        foreach (var (tag, number) in scalars)
        {
            WriteMessage(summary, 1, value =>
            {
                value.WriteTag(1, WireFormat.WireType.LengthDelimited);
                value.WriteString(tag);
                value.WriteTag(2, WireFormat.WireType.Fixed32);
                value.WriteFloat((float)number);
            });
        }
    }));

    private static byte[] Write(double wallTime, long step, Action<CodedOutputStream> what) => Bytes(output =>
    {
        output.WriteTag(1, WireFormat.WireType.Fixed64);
        output.WriteDouble(wallTime);
        output.WriteTag(2, WireFormat.WireType.Varint);
        output.WriteInt64(step);
        what(output);
    });

    private static void WriteMessage(CodedOutputStream output, int field, Action<CodedOutputStream> content)
    {
        output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        output.WriteBytes(ByteString.CopyFrom(Bytes(content)));
    }

    private static byte[] Bytes(Action<CodedOutputStream> content)
    {
        using var bytes = new MemoryStream();
        using (var output = new CodedOutputStream(bytes, leaveOpen: true)) content(output);
        return bytes.ToArray();
    }
}
