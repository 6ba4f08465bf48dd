namespace Horizon.Flow.Text.Tokenizers;

/// <summary>The merge loop: a linked list of symbols and a heap of possible merges.</summary>
internal static class BpeMerger
{
    /// <summary>Symbols among which the next merge is found sooner by looking at all than by keeping a heap.</summary>
    public const int Few = 48;

    /// <summary>Merges symbols[first..next]; the places of the result are relative to the first symbol.</summary>
    public static Token[] Merge(List<Token> symbols, int first, int next, MergeTable merges)
    {
        var count = next - first;
        var offset = symbols[first].Start;
        if (count <= Few)
        {
            Span<Token> few = stackalloc Token[Few];
            for (var i = 0; i < count; i++) few[i] = symbols[first + i] with { Start = symbols[first + i].Start - offset, End = symbols[first + i].End - offset };
            return few[..MergeFew(few[..count], merges)].ToArray();
        }

        var nodes = new Node[count];
        for (var i = 0; i < count; i++)
        {
            var (id, start, end) = symbols[first + i];
            nodes[i] = new Node { Id = id, Start = start - offset, End = end - offset, Previous = i - 1, Next = i + 1 };
        }

        MergeAll(nodes, merges);
        var result = new List<Token>(count);
        for (var i = 0; i < count; i = nodes[i].Next) result.Add(new Token(nodes[i].Id, nodes[i].Start, nodes[i].End));
        return [.. result];
    }

    /// <summary>Merges symbols where they stand; gives how many are left.</summary>
    /// <param name="symbols">At most <see cref="Few"/>.</param>
    /// <param name="merges">What merges.</param>
    public static int MergeFew(Span<Token> symbols, MergeTable merges)
    {
        Span<(int Rank, int Id)> pairs = stackalloc (int, int)[Few]; // what each symbol gives with the next one
        var count = symbols.Length;
        for (var i = 0; i + 1 < count; i++) pairs[i] = Look(symbols, i);
        while (true)
        {
            var (best, rank) = (-1, int.MaxValue);
            for (var i = 0; i + 1 < count; i++)
                if (pairs[i].Rank < rank) (best, rank) = (i, pairs[i].Rank);
            if (best < 0) return count;
            symbols[best] = new Token(pairs[best].Id, symbols[best].Start, symbols[best + 1].End);
            symbols[(best + 2)..count].CopyTo(symbols[(best + 1)..]);
            pairs[(best + 2)..count].CopyTo(pairs[(best + 1)..]);
            count--;
            if (best + 1 < count) pairs[best] = Look(symbols, best);
            if (best > 0) pairs[best - 1] = Look(symbols, best - 1);
        }

        (int Rank, int Id) Look(Span<Token> all, int left) =>
            merges.TryFind(all[left].Id, all[left + 1].Id, out var rank, out var id) ? (rank, id) : (int.MaxValue, -1);
    }

    private static void MergeAll(Node[] nodes, MergeTable merges)
    {
        // Priority: rank, then place. An entry is out of date where its pair has become another one since.
        var heap = new PriorityQueue<int, long>(nodes.Length);
        for (var i = 0; i < nodes.Length - 1; i++) Offer(i);

        while (heap.TryDequeue(out var left, out var priority))
        {
            ref var node = ref nodes[left];
            if (node.Id < 0 || node.Next >= nodes.Length) continue;
            ref var right = ref nodes[node.Next];
            if (!merges.TryFind(node.Id, right.Id, out var rank, out var id) || rank != (int)(priority >> 32)) continue;
            node.Id = id;
            node.End = right.End;
            right.Id = -1;
            node.Next = right.Next;
            if (node.Next < nodes.Length)
            {
                nodes[node.Next].Previous = left;
                Offer(left);
            }

            if (node.Previous >= 0) Offer(node.Previous);
        }

        void Offer(int left)
        {
            if (merges.TryFind(nodes[left].Id, nodes[nodes[left].Next].Id, out var rank, out _)) heap.Enqueue(left, BpeModel.Pair(rank, left));
        }
    }

    private struct Node
    {
        public int Id; // -1 once merged into its left neighbour
        public int Start;
        public int End;
        public int Previous;
        public int Next;
    }
}
