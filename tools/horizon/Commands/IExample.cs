namespace Horizon.Flow.Cli;

/// <summary>A command whose help ends with an example.</summary>
public interface IExample
{
    /// <summary>A command line to copy, and in a comment what it does.</summary>
    string Example { get; }
}
