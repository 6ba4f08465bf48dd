using System.Net;

namespace Horizon.Flow.Runs.Reports;

/// <summary>Text of others as text of HTML.</summary>
internal static class HtmlText
{
    /// <summary>Encodes it; control characters, which may stand in no HTML, are replaced.</summary>
    public static string Encode(string text) =>
        WebUtility.HtmlEncode(string.Concat(text.Select(c => char.IsControl(c) && c is not '\n' and not '\t' ? '\uFFFD' : c)));
}
