using static TorchSharp.torch;

namespace Horizon.Flow.Bench;

/// <summary>ATen operators that TorchSharp does not wrap, through TorchScript.</summary>
internal sealed class Scripts : IDisposable
{
    private const string Source = """
        def rms(x: Tensor, w: Tensor) -> Tensor:
            return torch.rms_norm(x, [x.size(-1)], w, 1e-6)
        def flash(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            return torch._scaled_dot_product_flash_attention(q, k, v, 0.0, True, False)[0]
        def efficient(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            return torch._scaled_dot_product_efficient_attention(q, k, v, None, True, 0.0, True)[0]
        def cudnn(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            return torch._scaled_dot_product_cudnn_attention(q, k, v, None, True, 0.0, True, False)[0]
        def sdpa(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            return torch.scaled_dot_product_attention(q, k, v, None, 0.0, True)
        def grouped(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            return torch.scaled_dot_product_attention(q, k, v, None, 0.0, True, enable_gqa=True)
        def rope(x: Tensor, c: Tensor, s: Tensor) -> Tensor:
            h = x.size(-1) // 2
            return x * c + torch.cat([x[..., h:], x[..., :h]], -1) * s
        def swiglu(g: Tensor, u: Tensor) -> Tensor:
            return torch.silu(g) * u
        def silu_backward(d: Tensor, g: Tensor) -> Tensor:
            return torch.silu_backward(d, g)
        def scatter(d: Tensor, ids: Tensor, rows: int) -> Tensor:
            return torch.embedding_dense_backward(d, ids, rows, -1, False)
        def cross_entropy(x: Tensor, y: Tensor) -> Tensor:
            return torch.cross_entropy_loss(x, y, None, 2, -100, 0.0)
        """;

    private readonly jit.CompilationUnit _unit = jit.compile(Source);

    public Tensor Call(string name, params object[] arguments) => (Tensor)_unit.invoke(name, arguments);

    public void Dispose() => _unit.Dispose();
}
