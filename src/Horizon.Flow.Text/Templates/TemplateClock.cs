using System.Globalization;
using System.Text;

namespace Horizon.Flow.Text.Templates;

/// <summary>Writes a moment as Python's strftime does, in the C locale.</summary>
internal static class TemplateClock
{
    public static string Format(DateTime now, string format, TemplateBudget budget)
    {
        budget.Spend(8L * format.Length);
        var text = new StringBuilder();
        for (var i = 0; i < format.Length; i++)
        {
            if (format[i] != '%' || i + 1 == format.Length)
            {
                text.Append(format[i]);
                continue;
            }

            var isBare = format[i + 1] == '-' && i + 2 < format.Length; // glibc: without zeros in front
            i += isBare ? 2 : 1;
            var field = Field(now, format[i]) ?? throw budget.Error($"'strftime_now' does not know %{format[i]}");
            text.Append(isBare && field.TrimStart('0', ' ') is { Length: > 0 } bare ? bare : isBare ? "0" : field);
        }

        return text.ToString();
    }

    private static string? Field(DateTime now, char field) => field switch
    {
        'a' => Write(now, "ddd"),
        'A' => Write(now, "dddd"),
        'b' or 'h' => Write(now, "MMM"),
        'B' => Write(now, "MMMM"),
        'c' => $"{Write(now, "ddd MMM")} {now.Day,2} {Write(now, "HH:mm:ss yyyy")}",
        'd' => Write(now, "dd"),
        'D' or 'x' => Write(now, "MM/dd/yy"),
        'e' => string.Create(CultureInfo.InvariantCulture, $"{now.Day,2}"),
        'f' => Write(now, "ffffff"),
        'F' => Write(now, "yyyy-MM-dd"),
        'G' => string.Create(CultureInfo.InvariantCulture, $"{ISOWeek.GetYear(now):0000}"),
        'H' => Write(now, "HH"),
        'I' => Write(now, "hh"),
        'j' => string.Create(CultureInfo.InvariantCulture, $"{now.DayOfYear:000}"),
        'm' => Write(now, "MM"),
        'M' => Write(now, "mm"),
        'n' => "\n",
        'p' => now.Hour < 12 ? "AM" : "PM",
        'R' => Write(now, "HH:mm"),
        'S' => Write(now, "ss"),
        't' => "\t",
        'T' or 'X' => Write(now, "HH:mm:ss"),
        'u' => string.Create(CultureInfo.InvariantCulture, $"{(now.DayOfWeek == DayOfWeek.Sunday ? 7 : (int)now.DayOfWeek)}"),
        'V' => string.Create(CultureInfo.InvariantCulture, $"{ISOWeek.GetWeekOfYear(now):00}"),
        'w' => string.Create(CultureInfo.InvariantCulture, $"{(int)now.DayOfWeek}"),
        'y' => Write(now, "yy"),
        'Y' => Write(now, "yyyy"),
        'z' or 'Z' => "", // as for a moment that names no time zone
        '%' => "%",
        _ => null,
    };

    // A format of one letter would be a standard one.
    private static string Write(DateTime now, string format) => now.ToString(format, CultureInfo.InvariantCulture);
}
