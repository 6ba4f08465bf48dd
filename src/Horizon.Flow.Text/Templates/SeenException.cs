namespace Horizon.Flow.Text.Templates;

/// <summary>A template did something with a content that cannot be watched.</summary>
internal sealed class SeenException : Exception;
