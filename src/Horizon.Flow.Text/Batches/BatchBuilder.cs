namespace Horizon.Flow.Text;

/// <summary>Lays rows of segments out as arrays.</summary>
internal static class BatchBuilder
{
    public static MicroBatch Build(Segment[][] rows, IReadOnlyList<TokenDocument> documents)
    {
        var width = rows.Max(row => row.Sum(s => s.Length));
        var size = checked(rows.Length * width);
        long[] ids = new long[size], targets = new long[size], positions = new long[size];
        var numbers = rows.Any(row => row.Length > 1) ? new long[size] : null;
        Array.Fill(targets, TokenDocument.Ignored);
        var tokens = 0;
        for (var r = 0; r < rows.Length; r++)
        {
            var at = r * width;
            for (var s = 0; s < rows[r].Length; s++)
            {
                var segment = rows[r][s];
                var document = documents[segment.Document];
                for (var i = 0; i < segment.Length; i++, at++)
                {
                    var next = segment.Start + i + 1;
                    ids[at] = document.InputIds[next - 1];
                    positions[at] = i;
                    if (numbers is not null) numbers[at] = s;
                    if (next >= segment.TargetEnd || document.Labels[next] == TokenDocument.Ignored) continue;
                    targets[at] = document.Labels[next];
                }

                tokens += segment.Length;
            }

            numbers?.AsSpan(at, (r + 1) * width - at).Fill(rows[r].Length);
        }

        return new MicroBatch(rows.Length, width, ids, targets, positions, numbers, tokens);
    }
}
