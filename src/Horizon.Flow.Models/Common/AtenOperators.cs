using static TorchSharp.torch;

namespace Horizon.Flow.Models.Common;

/// <summary>Operators of libtorch that TorchSharp does not wrap, reached through TorchScript. Compiled once for the process.</summary>
internal static class AtenOperators
{
    private static readonly Lazy<jit.CompilationUnit> AddRows = new(() => jit.compile("""
        def add_rows(sums: Tensor, places: Tensor, rows: Tensor) -> Tensor:
            indices: List[Optional[Tensor]] = [places]
            return torch._index_put_impl_(sums, indices, rows, True, True)

        """));

    /// <summary>sums[places[i]] += rows[i], in the order of i on every device, and without looking whether the places exist.</summary>
    /// <param name="sums">[N, width]; changed in place.</param>
    /// <param name="places">[M] int64, each from 0 to N - 1.</param>
    /// <param name="rows">[M, width].</param>
    public static Tensor AddRowsUnchecked(Tensor sums, Tensor places, Tensor rows) =>
        (Tensor)AddRows.Value.invoke("add_rows", sums, places, rows);
}
