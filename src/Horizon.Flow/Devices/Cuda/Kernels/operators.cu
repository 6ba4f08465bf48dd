// The operators between a unit's matrix products, for bf16 tensors whose rows are multiples of eight elements at addresses that are
// multiples of sixteen bytes. All arithmetic is fp32; each number is read and written once where that is possible, sixteen bytes
// at a time. No atomics: the same arguments give the same bits.

typedef unsigned short bf16;
typedef long long int64;

struct alignas(16) Eight { unsigned word[4]; };

__device__ __forceinline__ float low(unsigned word) { return __uint_as_float(word << 16); }
__device__ __forceinline__ float high(unsigned word) { return __uint_as_float(word & 0xFFFF0000u); }
__device__ __forceinline__ float wide(bf16 x) { return __uint_as_float(((unsigned)x) << 16); }

// To the nearest bf16, ties to even; a NaN stays one.
__device__ __forceinline__ unsigned narrow(float x)
{
    unsigned bits = __float_as_uint(x);
    if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return 0x7FC0u;
    return (bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16;
}

__device__ __forceinline__ float rounded(float x) { return __uint_as_float(narrow(x) << 16); }

__device__ __forceinline__ void load(const bf16* from, float* to)
{
    Eight eight = *reinterpret_cast<const Eight*>(from);
#pragma unroll
    for (int i = 0; i < 4; i++)
    {
        to[2 * i] = low(eight.word[i]);
        to[2 * i + 1] = high(eight.word[i]);
    }
}

__device__ __forceinline__ void store(const float* from, bf16* to)
{
    Eight eight;
#pragma unroll
    for (int i = 0; i < 4; i++) eight.word[i] = narrow(from[2 * i]) | (narrow(from[2 * i + 1]) << 16);
    *reinterpret_cast<Eight*>(to) = eight;
}

// The sum over the threads of a block, the same in every thread and in every run. Threads: a multiple of 32, up to 1024.
__device__ __forceinline__ float block_sum(float x, float* shared)
{
    int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, warps = blockDim.x >> 5;
#pragma unroll
    for (int offset = 16; offset > 0; offset >>= 1) x += __shfl_xor_sync(0xFFFFFFFFu, x, offset);
    __syncthreads();
    if (lane == 0) shared[warp] = x;
    __syncthreads();
    float sum = 0.0f;
    for (int i = 0; i < warps; i++) sum += shared[i];
    return sum;
}

// The bits of the largest absolute value of a tensor, a NaN's being the largest: the same in whatever order they come.
__device__ __forceinline__ void raise(unsigned* maximum, unsigned bits)
{
#pragma unroll
    for (int offset = 16; offset > 0; offset >>= 1) bits = max(bits, __shfl_xor_sync(0xFFFFFFFFu, bits, offset));
    if ((threadIdx.x & 31) == 0 && bits > *(volatile unsigned*)maximum) atomicMax(maximum, bits);
}

// The largest of eight absolute values as they are stored, and of one from before.
__device__ __forceinline__ unsigned largest(const float* x, unsigned bits)
{
#pragma unroll
    for (int i = 0; i < 8; i++) bits = max(bits, (narrow(x[i]) & 0x7FFFu) << 16);
    return bits;
}

// A row's largest number m and the sum of exp(x - m), joined from two parts.
__device__ __forceinline__ void join(float& m, float& s, float other_m, float other_s)
{
    float top = fmaxf(m, other_m);
    s = (s == 0.0f ? 0.0f : s * __expf(m - top)) + (other_s == 0.0f ? 0.0f : other_s * __expf(other_m - top));
    m = top;
}

// RMS norm of x (or of x + added, which is written to sum), one block a row: output = weight * (sum * inverse), the product in
// brackets rounded to bf16 first, as transformers does. The largest output too, where it is wanted; the output may be null.
extern "C" __global__ void norm_forward(
    const bf16* x, const bf16* added, const bf16* weight, bf16* sum, bf16* output, float* inverse, int width, float epsilon, unsigned* maximum)
{
    __shared__ float shared[32];
    const int64 row = (int64)blockIdx.x * width;
    const bf16* source = added ? sum + row : x + row;
    float squares = 0.0f;
    for (int column = threadIdx.x * 8; column < width; column += blockDim.x * 8)
    {
        float a[8];
        load(x + row + column, a);
        if (added)
        {
            float b[8];
            load(added + row + column, b);
#pragma unroll
            for (int i = 0; i < 8; i++) a[i] = rounded(a[i] + b[i]);
            store(a, sum + row + column);
        }
#pragma unroll
        for (int i = 0; i < 8; i++) squares += a[i] * a[i];
    }
    float scale = rsqrtf(block_sum(squares, shared) / (float)width + epsilon);
    if (threadIdx.x == 0) inverse[blockIdx.x] = scale;
    unsigned top = 0;
    for (int column = threadIdx.x * 8; column < width; column += blockDim.x * 8)
    {
        float a[8];
        load(source + column, a);
#pragma unroll
        for (int i = 0; i < 8; i++) a[i] = rounded(a[i] * scale) * wide(weight[column + i]);
        if (output) store(a, output + row + column);
        if (maximum) top = largest(a, top);
    }
    if (maximum) raise(maximum, top);
}

// The same for rows of up to 256 * Pieces numbers, one warp a row: a row is read once and stays in registers, and no thread waits for another's warp.
template <int Pieces>
__device__ __forceinline__ void norm_of_warp(
    const bf16* x, const bf16* added, const bf16* weight, bf16* sum, bf16* output, float* inverse, int64 rows, int width, float epsilon, unsigned* maximum)
{
    const int lane = threadIdx.x & 31;
    const int64 line = (int64)blockIdx.x * (blockDim.x >> 5) + (threadIdx.x >> 5), row = line * width;
    unsigned top = 0;
    if (line < rows)
    {
        Eight of[Pieces];
        float squares = 0.0f;
#pragma unroll
        for (int i = 0; i < Pieces; i++)
        {
            const int column = i * 256 + lane * 8;
            of[i] = column < width ? *reinterpret_cast<const Eight*>(x + row + column) : Eight{{0, 0, 0, 0}};
        }
#pragma unroll
        for (int i = 0; i < Pieces; i++)
        {
            const int column = i * 256 + lane * 8;
            if (column >= width) continue;
            float a[8];
            load(reinterpret_cast<const bf16*>(&of[i]), a);
            if (added)
            {
                float b[8];
                load(added + row + column, b);
#pragma unroll
                for (int c = 0; c < 8; c++) a[c] = rounded(a[c] + b[c]);
                store(a, reinterpret_cast<bf16*>(&of[i]));
                *reinterpret_cast<Eight*>(sum + row + column) = of[i];
            }
#pragma unroll
            for (int c = 0; c < 8; c++) squares += a[c] * a[c];
        }
#pragma unroll
        for (int offset = 16; offset > 0; offset >>= 1) squares += __shfl_xor_sync(0xFFFFFFFFu, squares, offset);
        const float scale = rsqrtf(squares / (float)width + epsilon);
        if (lane == 0) inverse[line] = scale;
#pragma unroll
        for (int i = 0; i < Pieces; i++)
        {
            const int column = i * 256 + lane * 8;
            if (column >= width) continue;
            float a[8], w[8];
            load(reinterpret_cast<const bf16*>(&of[i]), a);
            load(weight + column, w);
#pragma unroll
            for (int c = 0; c < 8; c++) a[c] = rounded(a[c] * scale) * w[c];
            if (output) store(a, output + row + column);
            if (maximum) top = largest(a, top);
        }
    }
    if (maximum) raise(maximum, top);
}

#define NORM_OF_WARP(name, pieces) \
    extern "C" __global__ void name(const bf16* x, const bf16* added, const bf16* weight, bf16* sum, bf16* output, float* inverse, int64 rows, int width, float epsilon, \
        unsigned* maximum) \
    { norm_of_warp<pieces>(x, added, weight, sum, output, inverse, rows, width, epsilon, maximum); }

NORM_OF_WARP(norm_forward_4, 4)
NORM_OF_WARP(norm_forward_8, 8)
NORM_OF_WARP(norm_forward_16, 16)

// The gradient of the norm's input, rows dealt out to blocks in turn. A thread always has the same columns, so that each block sums its
// rows' share of the weight's gradient without waiting; norm_weight_gradient adds the blocks up in order. The largest result too, where it
// is wanted.
extern "C" __global__ void norm_backward(
    const bf16* gradient, const bf16* x, const bf16* weight, const float* inverse, const bf16* added, bf16* result, float* partial,
    int64 rows, int width, unsigned* maximum)
{
    extern __shared__ float sums[];
    __shared__ float shared[32];
    unsigned top = 0;
    for (int column = threadIdx.x * 8; column < width; column += blockDim.x * 8)
    {
#pragma unroll
        for (int i = 0; i < 8; i++) sums[column + i] = 0.0f;
    }
    for (int64 line = blockIdx.x; line < rows; line += gridDim.x)
    {
        const int64 row = line * width;
        const float scale = inverse[line];
        float dot = 0.0f;
        for (int column = threadIdx.x * 8; column < width; column += blockDim.x * 8)
        {
            float g[8], a[8];
            load(gradient + row + column, g);
            load(x + row + column, a);
#pragma unroll
            for (int i = 0; i < 8; i++)
            {
                float unit = a[i] * scale;
                sums[column + i] += g[i] * unit;
                dot += g[i] * wide(weight[column + i]) * unit;
            }
        }
        float mean = block_sum(dot, shared) / (float)width;
        for (int column = threadIdx.x * 8; column < width; column += blockDim.x * 8)
        {
            float g[8], a[8], r[8];
            load(gradient + row + column, g);
            load(x + row + column, a);
#pragma unroll
            for (int i = 0; i < 8; i++) r[i] = scale * (g[i] * wide(weight[column + i]) - a[i] * scale * mean);
            if (added)
            {
                float b[8];
                load(added + row + column, b);
#pragma unroll
                for (int i = 0; i < 8; i++) r[i] += b[i];
            }
            store(r, result + row + column);
            if (maximum) top = largest(r, top);
        }
    }
    if (maximum) raise(maximum, top);
    for (int column = threadIdx.x * 8; column < width; column += blockDim.x * 8)
    {
#pragma unroll
        for (int i = 0; i < 8; i++) partial[(int64)blockIdx.x * width + column + i] = sums[column + i];
    }
}

// 32 columns a block, 32 threads a column: each adds every 32nd block's share, then they are added in order.
extern "C" __global__ void norm_weight_gradient(const float* partial, int blocks, int width, bf16* gradient)
{
    __shared__ float shares[32][33];
    const int column = blockIdx.x * 32 + (threadIdx.x & 31), part = threadIdx.x >> 5;
    float sum = 0.0f;
    if (column < width)
        for (int block = part; block < blocks; block += 32) sum += partial[(int64)block * width + column];
    shares[part][threadIdx.x & 31] = sum;
    __syncthreads();
    if (part != 0 || column >= width) return;
    sum = 0.0f;
    for (int i = 0; i < 32; i++) sum += shares[i][threadIdx.x & 31];
    gradient[column] = (bf16)narrow(sum);
}

// Rotary embedding (Su et al. 2021, half-split) of the first `turned` of the `heads` of every token, in place; `direction` -1 turns
// back. A thread has eight channels and the eight that turn with them.
extern "C" __global__ void rotate(
    bf16* x, const bf16* cosine, const bf16* sine, int64 tokens, int heads, int turned, int width, float direction)
{
    const int half = width / 2, pieces = half / 8;
    const int64 index = (int64)blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= tokens * turned * pieces) return;
    const int64 token = index / ((int64)turned * pieces);
    const int rest = (int)(index % ((int64)turned * pieces));
    const int column = rest % pieces * 8;
    bf16* head = x + (token * heads + rest / pieces) * width + column;
    const int64 place = token * width + column;
    float a[8], b[8], c[8], s[8];
    load(head, a);
    load(head + half, b);
    load(cosine + place, c);
    load(sine + place + half, s); // the second half's sines are the positive ones
#pragma unroll
    for (int i = 0; i < 8; i++)
    {
        float sin = s[i] * direction, first = a[i];
        a[i] = first * c[i] - b[i] * sin;
        b[i] = b[i] * c[i] + first * sin;
    }
    store(a, head);
    store(b, head + half);
}

// The heads of every token from queries [tokens, queries, width] and keys and values [tokens, keys, width]: [tokens, queries + 2 keys, width], all but
// the values turned as rotate turns them. The largest number too, where it is wanted.
extern "C" __global__ void join_heads(
    const bf16* query, const bf16* key, const bf16* value, const bf16* cosine, const bf16* sine, bf16* output, int64 tokens, int queries, int keys, int width,
    float direction, unsigned* maximum)
{
    const int half = width / 2, pieces = half / 8, heads = queries + 2 * keys;
    unsigned top = 0;
    for (int64 index = (int64)blockIdx.x * blockDim.x + threadIdx.x; index < tokens * heads * pieces; index += (int64)gridDim.x * blockDim.x)
    {
        const int64 token = index / ((int64)heads * pieces);
        const int rest = (int)(index % ((int64)heads * pieces));
        const int head = rest / pieces, column = rest % pieces * 8;
        const bf16* from = head < queries ? query + (token * queries + head) * width
            : head < queries + keys ? key + (token * keys + head - queries) * width : value + (token * keys + head - queries - keys) * width;
        float a[8], b[8];
        load(from + column, a);
        load(from + column + half, b);
        if (head < queries + keys)
        {
            float c[8], s[8];
            load(cosine + token * width + column, c);
            load(sine + token * width + column + half, s);
#pragma unroll
            for (int i = 0; i < 8; i++)
            {
                float sin = s[i] * direction, first = a[i];
                a[i] = first * c[i] - b[i] * sin;
                b[i] = b[i] * c[i] + first * sin;
            }
        }
        bf16* to = output + (token * heads + head) * width + column;
        store(a, to);
        store(b, to + half);
        if (maximum) top = largest(b, largest(a, top));
    }
    if (maximum) raise(maximum, top);
}

// To some units in the last place, which bf16 does not see; IEEE's division takes as long as all else here together.
__device__ __forceinline__ float sigmoid(float x) { return __fdividef(1.0f, 1.0f + __expf(-x)); }

__device__ __forceinline__ float gated(float g, float u) { return g * sigmoid(g) * u; }

// The gradients of gate and up where they are, and their product where its gradient is.
__device__ __forceinline__ void differentiate_gate(float& d, float& g, float& u)
{
    float s = sigmoid(g), opened = g * s, up = u, dy = d;
    d = opened * up; // as gated has it
    u = dy * opened;
    g = dy * up * s * (1.0f + g * (1.0f - s));
}

// silu(gate) * up for rows [gate, up] (Shazeer 2020), eight elements a thread at a time. The largest output too, where it is wanted.
extern "C" __global__ void gate_forward(const bf16* both, bf16* output, int64 count, int width, unsigned* maximum)
{
    unsigned top = 0;
    for (int64 index = ((int64)blockIdx.x * blockDim.x + threadIdx.x) * 8; index < count; index += (int64)gridDim.x * blockDim.x * 8)
    {
        const int64 row = index / width;
        const bf16* gate = both + row * 2 * width + (index - row * width);
        float g[8], u[8];
        load(gate, g);
        load(gate + width, u);
#pragma unroll
        for (int i = 0; i < 8; i++) g[i] = gated(g[i], u[i]);
        store(g, output + index);
        if (maximum) top = largest(g, top);
    }
    if (maximum) raise(maximum, top);
}

// The gradients of gate and up in their own place, and their product where its gradient was.
extern "C" __global__ void gate_backward(bf16* gradient, bf16* both, int64 count, int width)
{
    const int64 index = ((int64)blockIdx.x * blockDim.x + threadIdx.x) * 8;
    if (index >= count) return;
    const int64 row = index / width;
    bf16* gate = both + row * 2 * width + (index - row * width);
    float d[8], g[8], u[8];
    load(gradient + index, d);
    load(gate, g);
    load(gate + width, u);
#pragma unroll
    for (int i = 0; i < 8; i++) differentiate_gate(d[i], g[i], u[i]);
    store(d, gradient + index);
    store(g, gate);
    store(u, gate + width);
}

// Cross-entropy of one token a block, and over its logits (softmax - target) * scale where that is wanted. One reading for the largest
// logit, the sum of exponentials (Milakov and Gimelshein 2018) and the mean, one for the gradient. The target is the label, but for the
// smoothing, which lies evenly on all tokens.
extern "C" __global__ void cross_entropy(
    bf16* logits, const int64* labels, float* losses, int width, float scale, float smoothing, int differentiate)
{
    __shared__ float tops[32], totals[32], sums[32];
    bf16* row = logits + (int64)blockIdx.x * width;
    const int64 label = labels[blockIdx.x];
    const bool valid = label >= 0 && label < width;
    const float picked = valid ? wide(row[label]) : __uint_as_float(0x7FC00000u);
    float m = -3.0e38f, s = 0.0f, mean = 0.0f;
    for (int column = threadIdx.x * 8; column < width; column += blockDim.x * 8)
    {
        float a[8];
        load(row + column, a);
        float top = a[0];
#pragma unroll
        for (int i = 1; i < 8; i++) top = fmaxf(top, a[i]);
        float sum = 0.0f;
#pragma unroll
        for (int i = 0; i < 8; i++) sum += __expf(a[i] - top);
        join(m, s, top, sum);
        mean += ((a[0] + a[1]) + (a[2] + a[3])) + ((a[4] + a[5]) + (a[6] + a[7]));
    }
#pragma unroll
    for (int offset = 16; offset > 0; offset >>= 1)
    {
        float other_m = __shfl_xor_sync(0xFFFFFFFFu, m, offset), other_s = __shfl_xor_sync(0xFFFFFFFFu, s, offset);
        join(m, s, other_m, other_s);
        mean += __shfl_xor_sync(0xFFFFFFFFu, mean, offset);
    }
    if ((threadIdx.x & 31) == 0)
    {
        tops[threadIdx.x >> 5] = m;
        totals[threadIdx.x >> 5] = s;
        sums[threadIdx.x >> 5] = mean;
    }
    __syncthreads(); // and every thread has read the label's logit
    m = tops[0];
    s = totals[0];
    mean = sums[0];
    for (int i = 1; i < (int)(blockDim.x >> 5); i++)
    {
        join(m, s, tops[i], totals[i]);
        mean += sums[i];
    }
    mean /= width;
    if (threadIdx.x == 0) losses[blockIdx.x] = (m - picked) + logf(s) + (smoothing > 0.0f ? smoothing * (picked - mean) : 0.0f);
    if (!differentiate) return;
    const float factor = scale / s, even = scale * smoothing / width, own = scale * (1.0f - smoothing);
    for (int column = threadIdx.x * 8; column < width; column += blockDim.x * 8)
    {
        float a[8];
        load(row + column, a);
#pragma unroll
        for (int i = 0; i < 8; i++) a[i] = __expf(a[i] - m) * factor - (column + i == label ? own : 0.0f) - even;
        store(a, row + column);
    }
}

// Sums of squares of a flat buffer, one for each block, in double: a block adds every gridDim.x-th piece, so the order is fixed by the
// count of blocks alone.
template <typename Load>
__device__ __forceinline__ void sum_squares(Load at, int64 count, double* partial)
{
    __shared__ double sums[32];
    double sum = 0.0;
    const int64 stride = (int64)gridDim.x * blockDim.x * 8, whole = count - count % 8;
    for (int64 first = ((int64)blockIdx.x * blockDim.x + threadIdx.x) * 8; first < whole; first += stride)
    {
        float a[8];
        at(first, a);
#pragma unroll
        for (int i = 0; i < 8; i++) sum += (double)a[i] * (double)a[i];
    }
    if (blockIdx.x == 0 && threadIdx.x < count - whole)
    {
        double value = at.one(whole + threadIdx.x);
        sum += value * value;
    }
#pragma unroll
    for (int offset = 16; offset > 0; offset >>= 1) sum += __shfl_xor_sync(0xFFFFFFFFu, sum, offset);
    if ((threadIdx.x & 31) == 0) sums[threadIdx.x >> 5] = sum;
    __syncthreads();
    if (threadIdx.x != 0) return;
    sum = 0.0;
    for (int i = 0; i < (int)(blockDim.x >> 5); i++) sum += sums[i];
    partial[blockIdx.x] = sum;
}

struct Bf16Source
{
    const bf16* from;
    __device__ void operator()(int64 first, float* to) const { load(from + first, to); }
    __device__ double one(int64 index) const { return wide(from[index]); }
};

struct Fp32Source
{
    const float* from;
    __device__ void operator()(int64 first, float* to) const
    {
        const float4 a = *reinterpret_cast<const float4*>(from + first), b = *reinterpret_cast<const float4*>(from + first + 4);
        to[0] = a.x; to[1] = a.y; to[2] = a.z; to[3] = a.w; to[4] = b.x; to[5] = b.y; to[6] = b.z; to[7] = b.w;
    }
    __device__ double one(int64 index) const { return from[index]; }
};

extern "C" __global__ void sum_squares_bf16(const bf16* x, int64 count, double* partial) { sum_squares(Bf16Source{x}, count, partial); }

extern "C" __global__ void sum_squares_fp32(const float* x, int64 count, double* partial) { sum_squares(Fp32Source{x}, count, partial); }
