namespace Horizon.Flow.Text.Tokenizers;

/// <summary>The merge loop: a linked list of symbols and a heap of possible merges.</summary>
internal static class BpeMerger
{
    /// <summary>Symbols among which the next merge is found sooner by looking at all than by keeping a heap.</summary>
    private const int Few = 48;

    /// <summary>Merges symbols[first..next]; the places of the result are relative to the first symbol.</summary>
    public static Token[] Merge(List<Token> symbols, int first, int next, Dictionary<long, (int Rank, int Id)> merges)
    {
        var count = next - first;
        if (count <= Few) return MergeFew(symbols, first, count, merges);
        var offset = symbols[first].Start;
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

    private static Token[] MergeFew(List<Token> symbols, int first, int count, Dictionary<long, (int Rank, int Id)> merges)
    {
        Span<Token> tokens = stackalloc Token[Few];
        Span<(int Rank, int Id)> pairs = stackalloc (int, int)[Few]; // what each token gives with the next one
        var offset = symbols[first].Start;
        for (var i = 0; i < count; i++)
        {
            var symbol = symbols[first + i];
            tokens[i] = new Token(symbol.Id, symbol.Start - offset, symbol.End - offset);
        }

        for (var i = 0; i + 1 < count; i++) pairs[i] = Look(tokens, i);
        while (true)
        {
            var best = -1;
            for (var i = 0; i + 1 < count; i++)
                if (pairs[i].Id >= 0 && (best < 0 || pairs[i].Rank < pairs[best].Rank)) best = i;
            if (best < 0) return tokens[..count].ToArray();
            tokens[best] = new Token(pairs[best].Id, tokens[best].Start, tokens[best + 1].End);
            tokens[(best + 2)..count].CopyTo(tokens[(best + 1)..]);
            pairs[(best + 2)..count].CopyTo(pairs[(best + 1)..]);
            count--;
            if (best + 1 < count) pairs[best] = Look(tokens, best);
            if (best > 0) pairs[best - 1] = Look(tokens, best - 1);
        }

        (int Rank, int Id) Look(Span<Token> all, int left) =>
            merges.TryGetValue(BpeModel.Pair(all[left].Id, all[left + 1].Id), out var merge) ? merge : (0, -1);
    }

    private static void MergeAll(Node[] nodes, Dictionary<long, (int Rank, int Id)> merges)
    {
        // Priority: rank, then place. An entry is out of date where its pair has become another one since.
        var heap = new PriorityQueue<int, long>(nodes.Length);
        for (var i = 0; i < nodes.Length - 1; i++) Offer(i);

        while (heap.TryDequeue(out var left, out var priority))
        {
            ref var node = ref nodes[left];
            if (node.Id < 0 || node.Next >= nodes.Length) continue;
            ref var right = ref nodes[node.Next];
            if (!merges.TryGetValue(BpeModel.Pair(node.Id, right.Id), out var merge) || merge.Rank != (int)(priority >> 32)) continue;
            node.Id = merge.Id;
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
            if (merges.TryGetValue(BpeModel.Pair(nodes[left].Id, nodes[nodes[left].Next].Id), out var merge))
                heap.Enqueue(left, BpeModel.Pair(merge.Rank, left));
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
