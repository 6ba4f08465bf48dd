using static TorchSharp.torch;

namespace Horizon.Flow.Bench;

/// <summary>ATen operators that TorchSharp does not wrap, through TorchScript.</summary>
internal sealed class Scripts : IDisposable
{
    private static readonly Dictionary<string, string> _sources = new()
    {
        ["rms"] = """
            def rms(x: Tensor, w: Tensor) -> Tensor:
                return torch.rms_norm(x, [x.size(-1)], w, 1e-6)

            """,
        ["flash"] = """
            def flash(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
                return torch._scaled_dot_product_flash_attention(q, k, v, 0.0, True, False)[0]

            """,
        ["efficient"] = """
            def efficient(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
                return torch._scaled_dot_product_efficient_attention(q, k, v, None, True, 0.0, True)[0]

            """,
        ["cudnn"] = """
            def cudnn(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
                return torch._scaled_dot_product_cudnn_attention(q, k, v, None, True, 0.0, True, False)[0]

            """,
        ["sdpa"] = """
            def sdpa(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
                return torch.scaled_dot_product_attention(q, k, v, None, 0.0, True)

            """,
        ["grouped"] = """
            def grouped(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
                return torch.scaled_dot_product_attention(q, k, v, None, 0.0, True, enable_gqa=True)

            """,
        ["rope"] = """
            def rope(x: Tensor, c: Tensor, s: Tensor) -> Tensor:
                h = x.size(-1) // 2
                return x * c + torch.cat([x[..., h:], x[..., :h]], -1) * s

            """,
        ["swiglu"] = """
            def swiglu(g: Tensor, u: Tensor) -> Tensor:
                return torch.silu(g) * u

            """,
        ["silu_backward"] = """
            def silu_backward(d: Tensor, g: Tensor) -> Tensor:
                return torch.silu_backward(d, g)

            """,
        ["scatter"] = """
            def scatter(d: Tensor, ids: Tensor, rows: int) -> Tensor:
                return torch.embedding_dense_backward(d, ids, rows, -1, False)

            """,
        ["cross_entropy"] = """
            def cross_entropy(x: Tensor, y: Tensor) -> Tensor:
                return torch.cross_entropy_loss(x, y, None, 2, -100, 0.0)

            """,
    };

    private readonly Dictionary<string, jit.CompilationUnit> _compiled = [];

    /// <summary>Calls a function, compiled at its first call: what one libtorch lacks does not keep the others from running.</summary>
    public Tensor Call(string name, params object[] arguments)
    {
        if (!_compiled.TryGetValue(name, out var unit)) _compiled.Add(name, unit = jit.compile(_sources[name]));
        return (Tensor)unit.invoke(name, arguments);
    }

    public void Dispose()
    {
        foreach (var unit in _compiled.Values) unit.Dispose();
    }
}
