// The queries' gradients of causal attention, by tensor cores of generation 9 alone (sm_90a); behind operators.cu and matrices.cu. A block has 128 queries of one
// head and goes through all keys that they see, so that its sums are in one order and no two blocks write the same number.
//
// With the scores' scale s, l the logarithm of a softmax's sum, O the output and dO its gradient:
//   P = exp(s Q K^T - l),  dP = dO V^T,  dQ = s (P (dP - rows' sums of O dO)) K
// Two groups of four warps have 64 queries each; a third brings keys and values, two blocks of 128 ahead, and lets them have its registers.

enum { TILE = 128, HEAD = 128, STAGES = 2, GROUPS = 2, HALF_BYTES = TILE * 64 * 2, MATRIX_BYTES = 2 * HALF_BYTES, ROW_THREADS = GROUPS * 128, THREADS = ROW_THREADS + 128 };

extern __shared__ uint4 attention_shared[];

// A matrix of 128 rows and 128 channels in shared memory is two of 64 channels, each row 128 bytes, whose pieces of sixteen bytes are exchanged by the row's number:
// as the tensor cores read it without hitting a bank twice. `first` is the byte address of its first row.
__device__ __forceinline__ unsigned piece_place(int row, int piece) { return (piece >> 3) * HALF_BYTES + row * 128 + (((piece & 7) ^ (row & 7)) << 4); }

__device__ __forceinline__ unsigned shared_address(const void* place)
{
    unsigned address;
    asm volatile("{ .reg .u64 a; cvta.to.shared.u64 a, %1; cvt.u32.u64 %0, a; }" : "=r"(address) : "l"(place));
    return address;
}

// Sixteen bytes on their way; zeros where they are not to be read.
__device__ __forceinline__ void bring(unsigned to, const bf16* from, bool read)
{
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" :: "r"(to), "l"(from), "r"(read ? 16 : 0) : "memory");
}

__device__ __forceinline__ void barrier_start(unsigned barrier, unsigned count) { asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" :: "r"(barrier), "r"(count) : "memory"); }
__device__ __forceinline__ void barrier_arrive(unsigned barrier) { asm volatile("{ .reg .b64 s; mbarrier.arrive.shared::cta.b64 s, [%0]; }" :: "r"(barrier) : "memory"); }
__device__ __forceinline__ void barrier_arrive_behind_copies(unsigned barrier) { asm volatile("cp.async.mbarrier.arrive.noinc.shared::cta.b64 [%0];" :: "r"(barrier) : "memory"); }
__device__ __forceinline__ void barrier_wait(unsigned barrier, unsigned parity)
{
    asm volatile("{ .reg .pred done; again: mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1; @done bra.uni ready; bra.uni again; ready: }" :: "r"(barrier), "r"(parity) : "memory");
}

// What ordinary stores and copies wrote is there for the tensor cores.
__device__ __forceinline__ void show_to_products() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

__device__ __forceinline__ void products_begin() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ __forceinline__ void products_end() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }

// Waits for all products but the latest so many groups, of which `sum` is none.
template <int Late>
__device__ __forceinline__ void products_arrive(float (&sum)[64])
{
    asm volatile("wgmma.wait_group.sync.aligned %0;" :: "n"(Late) : "memory");
#pragma unroll
    for (int i = 0; i < 64; i++) asm volatile("" : "+f"(sum[i]) :: "memory");
}

// Where a matrix lies for the tensor cores: rows in groups of eight, 1,024 bytes apart. Read along its channels.
__device__ __forceinline__ unsigned long long along(unsigned address) { return (unsigned long long)((address & 0x3FFFF) >> 4) | (1ULL << 16) | (64ULL << 32) | (1ULL << 62); }
// The same read along its rows: its second 64 channels are a half further.
__device__ __forceinline__ unsigned long long across(unsigned address)
{
    return (unsigned long long)((address & 0x3FFFF) >> 4) | ((unsigned long long)(HALF_BYTES >> 4) << 16) | (64ULL << 32) | (1ULL << 62);
}

#define SUMS8(s, i) "+f"(s[i]), "+f"(s[i + 1]), "+f"(s[i + 2]), "+f"(s[i + 3]), "+f"(s[i + 4]), "+f"(s[i + 5]), "+f"(s[i + 6]), "+f"(s[i + 7])
#define SUMS64(s) SUMS8(s, 0), SUMS8(s, 8), SUMS8(s, 16), SUMS8(s, 24), SUMS8(s, 32), SUMS8(s, 40), SUMS8(s, 48), SUMS8(s, 56)
#define NAMES64 \
    "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, " \
    "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63}"

// sum [64 x 128] = or += a [64 x 16] b^T [128 x 16].
__device__ __forceinline__ void add_rows(float (&sum)[64], unsigned long long a, unsigned long long b, int adds)
{
    asm volatile("{ .reg .pred p; setp.ne.b32 p, %66, 0; wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 " NAMES64 ", %64, %65, p, 1, 1, 0, 0; }"
        : SUMS64(sum) : "l"(a), "l"(b), "r"(adds));
}

// sum [64 x 128] += a [64 x 16] b [16 x 128].
__device__ __forceinline__ void add_columns(float (&sum)[64], const unsigned* a, unsigned long long b)
{
    asm volatile("wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 " NAMES64 ", {%64, %65, %66, %67}, %68, 1, 1, 1, 1;"
        : SUMS64(sum) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
}

// The product of 64 rows of a matrix and the 128 of another, over 128 channels.
__device__ __forceinline__ void multiply_rows(float (&sum)[64], unsigned a, unsigned b)
{
#pragma unroll
    for (int k = 0; k < HEAD / 16; k++) add_rows(sum, along(a + (k >> 2) * HALF_BYTES + (k & 3) * 32), along(b + (k >> 2) * HALF_BYTES + (k & 3) * 32), k);
    products_end();
}

__device__ __forceinline__ unsigned both(float first, float second)
{
    unsigned pair;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(second), "f"(first));
    return pair;
}

__device__ __forceinline__ float power_of_two(float x)
{
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

// query, output, gradient, result: [tokens, heads, 128]; key, value: [tokens, heads / group, 128]; of query, key and value a token is `all_stride` numbers behind the one
// before. sums: [rows, heads, sequence].
extern "C" __global__ void __launch_bounds__(THREADS, 1) attention_queries(
    const bf16* query, const bf16* key, const bf16* value, const bf16* output, const bf16* gradient, const float* sums, bf16* result,
    int64 all_stride, int64 rows, int heads, int group, int sequence, float scale)
{
    const unsigned base = (shared_address(attention_shared) + 1023) & ~1023u;
    const unsigned queries = base, gradients = base + MATRIX_BYTES, stages = base + 2 * MATRIX_BYTES, barriers = stages + STAGES * 2 * MATRIX_BYTES;
    const int tiles = (sequence + TILE - 1) / TILE;
    // Those with most keys first, and all heads of a place at once: they read the same keys.
    const int head = blockIdx.x % heads;
    const int64 row = blockIdx.x / heads % rows;
    const int tile = tiles - 1 - (int)(blockIdx.x / heads / rows);
    const int64 first = row * sequence;
    const int thread = threadIdx.x, lane = thread & 31, warp = thread >> 5;
    if (thread == 0)
    {
        for (int stage = 0; stage < STAGES; stage++)
        {
            barrier_start(barriers + 16 * stage, THREADS - ROW_THREADS);
            barrier_start(barriers + 16 * stage + 8, ROW_THREADS / 32);
        }
        asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    }
    __syncthreads();

    if (thread >= ROW_THREADS)
    {
        asm volatile("setmaxnreg.dec.sync.aligned.u32 24;");
        const int64 place = (int64)(head / group) * HEAD;
        for (int block = 0; block <= tile; block++)
        {
            const int stage = block % STAGES;
            if (block >= STAGES) barrier_wait(barriers + 16 * stage + 8, (block / STAGES - 1) & 1);
            const unsigned keys = stages + stage * 2 * MATRIX_BYTES;
#pragma unroll 2
            for (int i = thread - ROW_THREADS; i < TILE * HEAD / 8; i += THREADS - ROW_THREADS)
            {
                const int token = block * TILE + (i >> 4);
                const bool there = token < sequence;
                const int64 from = (first + (there ? token : 0)) * all_stride + place + (i & 15) * 8;
                bring(keys + piece_place(i >> 4, i & 15), key + from, there);
                bring(keys + MATRIX_BYTES + piece_place(i >> 4, i & 15), value + from, there);
            }
            barrier_arrive_behind_copies(barriers + 16 * stage);
        }
        // Nothing is on its way when the block ends.
        asm volatile("cp.async.wait_all;" ::: "memory");
        return;
    }

    asm volatile("setmaxnreg.inc.sync.aligned.u32 240;");
    // Each group brings its own 64 queries and their output's gradients, in the layout above.
    const int part = warp >> 2, half_row = part * 64;
    for (int i = thread & 127; i < 64 * HEAD / 8; i += 128)
    {
        const int in_tile = half_row + (i >> 4), token = tile * TILE + in_tile;
        const bool there = token < sequence;
        const int64 at = first + (there ? token : 0);
        bring(queries + piece_place(in_tile, i & 15), query + at * all_stride + head * HEAD + (i & 15) * 8, there);
        bring(gradients + piece_place(in_tile, i & 15), gradient + (at * heads + head) * HEAD + (i & 15) * 8, there);
    }

    // A thread has two rows of every product, and of each the columns 2 (lane % 4) and the next of every eight. Four lanes sum a row of O dO.
    const int in_tile = half_row + (warp & 3) * 16 + (lane >> 2);
    float log_sum[2], mean[2];
#pragma unroll
    for (int r = 0; r < 2; r++)
    {
        const int token = tile * TILE + in_tile + 8 * r;
        const bool there = token < sequence;
        const int64 at = ((first + (there ? token : 0)) * heads + head) * HEAD + (lane & 3) * 32;
        float sum = 0.0f;
#pragma unroll
        for (int c = 0; c < 32; c += 8)
        {
            float o[8], d[8];
            load(output + at + c, o);
            load(gradient + at + c, d);
#pragma unroll
            for (int i = 0; i < 8; i++) sum += o[i] * d[i];
        }
        sum += __shfl_xor_sync(0xFFFFFFFFu, sum, 1);
        sum += __shfl_xor_sync(0xFFFFFFFFu, sum, 2);
        mean[r] = there ? sum : 0.0f;
        log_sum[r] = there ? sums[(row * heads + head) * sequence + token] * 1.4426950408889634f : __uint_as_float(0x7F800000u); // no weight to any key
    }
    asm volatile("cp.async.wait_all;" ::: "memory");
    show_to_products();
    asm volatile("bar.sync %0, 128;" :: "r"(1 + part) : "memory");

    const float scale_of_two = scale * 1.4426950408889634f;
    float total[64], weights[64], changes[64];
#pragma unroll
    for (int i = 0; i < 64; i++) total[i] = 0.0f;
    for (int block = 0; block <= tile; block++)
    {
        const int stage = block % STAGES;
        const unsigned keys = stages + stage * 2 * MATRIX_BYTES;
        barrier_wait(barriers + 16 * stage, (block / STAGES) & 1);
        show_to_products();
        products_begin();
        multiply_rows(weights, queries + half_row * 128, keys);
        multiply_rows(changes, gradients + half_row * 128, keys + MATRIX_BYTES);
        products_arrive<1>(weights);
#pragma unroll
        for (int i = 0; i < 64; i++) weights[i] = power_of_two(weights[i] * scale_of_two - log_sum[(i >> 1) & 1]);
        if (block == tile)
        {
#pragma unroll
            for (int i = 0; i < 64; i++)
                if ((i >> 2) * 8 + (lane & 3) * 2 + (i & 1) > in_tile + 8 * ((i >> 1) & 1)) weights[i] = 0.0f;
        }
        products_arrive<0>(changes);
        unsigned pairs[32];
#pragma unroll
        for (int i = 0; i < 64; i += 2)
            pairs[i >> 1] = both(weights[i] * (changes[i] - mean[(i >> 1) & 1]), weights[i + 1] * (changes[i + 1] - mean[(i >> 1) & 1]));
        products_begin();
#pragma unroll
        for (int k = 0; k < TILE / 16; k++) add_columns(total, pairs + 4 * k, across(keys + k * 16 * 128));
        products_end();
        products_arrive<0>(total);
        __syncwarp();
        if (lane == 0) barrier_arrive(barriers + 16 * stage + 8);
    }

#pragma unroll
    for (int r = 0; r < 2; r++)
    {
        const int token = tile * TILE + in_tile + 8 * r;
        if (token >= sequence) continue;
        unsigned* to = reinterpret_cast<unsigned*>(result + ((first + token) * heads + head) * HEAD + (lane & 3) * 2);
#pragma unroll
        for (int n = 0; n < 16; n++) to[n * 4] = both(total[n * 4 + 2 * r] * scale, total[n * 4 + 2 * r + 1] * scale);
    }
}
