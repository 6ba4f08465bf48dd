// Products of small matrices of bf16 in shared memory by tensor cores, for devices of compute capability 8 and later; behind operators.cu.

// Four matrices of 8 x 8: lane l gives the address of row l % 8 of matrix l / 8 and gets of matrix i two neighbours of row l / 4 in part[i].
__device__ __forceinline__ void fetch(unsigned* part, const bf16* row)
{
    asm volatile("{ .reg .u64 a; .reg .u32 b; cvta.to.shared.u64 a, %4; cvt.u32.u64 b, a; ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [b]; }"
        : "=r"(part[0]), "=r"(part[1]), "=r"(part[2]), "=r"(part[3]) : "l"(row) : "memory");
}

// The same of each matrix's transpose.
__device__ __forceinline__ void fetch_transposed(unsigned* part, const bf16* row)
{
    asm volatile("{ .reg .u64 a; .reg .u32 b; cvta.to.shared.u64 a, %4; cvt.u32.u64 b, a; ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [b]; }"
        : "=r"(part[0]), "=r"(part[1]), "=r"(part[2]), "=r"(part[3]) : "l"(row) : "memory");
}

// sum [16 x 8] += a [16 x 16] b [16 x 8], in the parts that lanes hold.
__device__ __forceinline__ void add_product(float* sum, const unsigned* a, unsigned b_first, unsigned b_second)
{
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b_first), "r"(b_second));
}

// Sixteen bytes into shared memory, on their way until copies_arrive; zeros where they are not to be read.
__device__ __forceinline__ void copy(bf16* to, const bf16* from, bool read)
{
    asm volatile("{ .reg .u64 a; .reg .u32 b; cvta.to.shared.u64 a, %0; cvt.u32.u64 b, a; cp.async.cg.shared.global [b], [%1], 16, %2; }"
        :: "l"(to), "l"(from), "r"(read ? 16 : 0) : "memory");
}

// The copies so far become one group.
__device__ __forceinline__ void copies_end() { asm volatile("cp.async.commit_group;" ::: "memory"); }

// Waits for this thread's copies, but for the latest so many groups.
template <int Late>
__device__ __forceinline__ void copies_arrive() { asm volatile("cp.async.wait_group %0;" :: "n"(Late) : "memory"); }

// A warp's part of a product, M x 16 rows and N x 8 columns: sum += a b over K x 16. A lane l has of each 16 x 8 the rows l / 4 and l / 4 + 8, and
// of each of these the columns 2 (l % 4) and the next. Rows in shared memory begin at multiples of sixteen bytes.
//   a: stored [rows][K], or as its transpose [K][rows] where ATransposed.
//   b: stored [K][columns], or as its transpose [columns][K] where BTransposed.
template <int M, int N, int K, bool ATransposed, bool BTransposed>
__device__ __forceinline__ void multiply(float (&sum)[M][N][4], const bf16* a, int a_stride, const bf16* b, int b_stride)
{
    const int lane = threadIdx.x & 31, row = lane & 7, second = (lane >> 3) & 1, third = lane >> 4;
#pragma unroll
    for (int k = 0; k < K; k++)
    {
        unsigned left[M][4];
#pragma unroll
        for (int m = 0; m < M; m++)
        {
            if (ATransposed) fetch_transposed(left[m], a + (k * 16 + row + 8 * third) * a_stride + m * 16 + 8 * second);
            else fetch(left[m], a + (m * 16 + row + 8 * second) * a_stride + k * 16 + 8 * third);
        }
#pragma unroll
        for (int n = 0; n < N; n += 2)
        {
            unsigned right[4];
            if (BTransposed) fetch(right, b + (n * 8 + row + 8 * third) * b_stride + k * 16 + 8 * second);
            else fetch_transposed(right, b + (k * 16 + row + 8 * second) * b_stride + n * 8 + 8 * third);
#pragma unroll
            for (int m = 0; m < M; m++)
            {
                add_product(sum[m][n], left[m], right[0], right[1]);
                add_product(sum[m][n + 1], left[m], right[2], right[3]);
            }
        }
    }
}
