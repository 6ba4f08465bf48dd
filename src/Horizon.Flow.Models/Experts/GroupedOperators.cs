using static TorchSharp.torch;

namespace Horizon.Flow.Models.Experts;

/// <summary>Products of groups of rows, each with a matrix of its own: libtorch's <c>_grouped_mm</c>, which TorchSharp does not wrap, reached through TorchScript. Compiled once for the process.</summary>
internal static class GroupedOperators
{
    /// <summary>Groups begin at multiples of so many rows: 16 bytes of bf16, as the kernel reads them where rows are what is summed over.</summary>
    public const int Alignment = 8;

    private static readonly Lazy<jit.CompilationUnit> Products = new(() => jit.compile("""
        def product(rows: Tensor, matrices: Tensor, ends: Tensor) -> Tensor:
            return torch._grouped_mm(rows, matrices, ends)

        """));

    /// <summary>Each row times the matrix of its group; autograd has its backward, two grouped products.</summary>
    /// <param name="rows">[P, in] bf16.</param>
    /// <param name="matrices">[E, in, out]: one of the last two dimensions contiguous.</param>
    /// <param name="ends">[E] int32 on the device: where each group ends; the last at P.</param>
    /// <returns>[P, out].</returns>
    public static Tensor Product(Tensor rows, Tensor matrices, Tensor ends) => (Tensor)Products.Value.invoke("product", rows, matrices, ends);
}
