using Horizon.Flow.Text.Data;
using Horizon.Flow.Text.Tokens;

namespace Horizon.Flow.Text.Batches;

/// <summary>
/// Lays rows of segments out as arrays. Rows of different lengths are laid one after another into one, each document with a number of its own: nothing
/// is padded, so nothing is computed that is not there.
/// </summary>
internal static class BatchBuilder
{
    public static MicroBatch Build(ArraySegment<Segment>[] rows, DocumentTable documents)
    {
        var lengths = rows.Select(row => row.Sum(s => s.Length)).ToArray();
        var even = Array.TrueForAll(lengths, length => length == lengths[0]);
        var size = checked(lengths.Sum());
        long[] ids = new long[size], targets = new long[size], positions = new long[size];
        var numbers = even && Array.TrueForAll(rows, row => row.Count == 1) ? null : new long[size];
        Array.Fill(targets, TokenDocument.Ignored);
        var (at, number) = (0, 0);
        foreach (var segment in rows.SelectMany(row => row))
        {
            var (start, end) = (segment.Start, segment.Start + segment.Length);
            var document = documents.Read(segment.Document, start, Math.Max(end, segment.TargetEnd));
            for (var i = 0; i < segment.Length; i++, at++)
            {
                ids[at] = document.InputIds[i];
                positions[at] = i;
                if (numbers is not null) numbers[at] = number;
                if (start + i + 1 >= segment.TargetEnd || document.Labels[i + 1] == TokenDocument.Ignored) continue;
                targets[at] = document.Labels[i + 1];
            }

            number++;
        }

        return even ? new MicroBatch(rows.Length, lengths[0], ids, targets, positions, numbers) : new MicroBatch(1, size, ids, targets, positions, numbers);
    }
}
