using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Tests.Families;

/// <summary>The gated delta rule in another way: token by token, document by document, in fp64.</summary>
internal static class DeltaRecurrence
{
    public static Tensor Mix(DeltaCase shape, Tensor query, Tensor key, Tensor value, Tensor decay, Tensor strength)
    {
        var documents = shape.Documents();
        var rows = new List<Tensor>();
        for (var row = 0; row < shape.Rows; row++)
        {
            var heads = Enumerable.Range(0, shape.KeyHeads * shape.Group).Select(head => stack(Head(row, head), 0)).ToList();
            rows.Add(stack(heads, 1));
        }

        return stack(rows, 0);

        IEnumerable<Tensor> Head(int row, int head)
        {
            var state = zeros(shape.KeyWidth, shape.ValueWidth, dtype: float64);
            for (var place = 0; place < shape.Sequence; place++)
            {
                var here = (row * shape.Sequence) + place;
                if (documents is not null && place > 0 && documents[here] != documents[here - 1]) state = zeros_like(state);
                var (q, k) = (Unit(query[row, place, head / shape.Group]), Unit(key[row, place, head / shape.Group]));
                state = state * decay[row, place, head].exp();
                var replaced = (value[row, place, head] - state.t().mv(k)) * strength[row, place, head];
                state = state.Plus(outer(k, replaced));
                yield return state.t().mv(q).Over(Math.Sqrt(shape.KeyWidth));
            }
        }
    }

    private static Tensor Unit(Tensor x) => x / x.Squared().sum().Plus(1e-6).sqrt();
}
