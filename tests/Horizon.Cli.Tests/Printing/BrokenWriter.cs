using System.Text;

namespace Horizon.Flow.Cli.Tests.Printing;

/// <summary>A terminal that has gone, or a full disk.</summary>
internal sealed class BrokenWriter : TextWriter
{
    public override Encoding Encoding => Encoding.UTF8;

    public override void Write(char value) => throw new IOException("Input/output error");

    public override void Flush() => throw new IOException("Input/output error");
}
