// Linear attention between its projections: a short convolution, the gated delta rule (arXiv 2412.06464) in chunks of 64 tokens, a norm of each
// head and a gate. Heads of 128 channels; behind operators.cu and matrices.cu. Sums are fp32 and in a fixed order; operands of products are bf16.
//
// Of a head's chunk, with the state S that comes in, G the sums of logarithms of decays, and `left` = exp(G_i - G_j) where token i sees token j:
//   from_i = exp(G_i), to_j = exp(G_last - G_j), kept = exp(G_last); 0 where a document begins in between
//   written: (1 + strength left K K^T, strictly below the diagonal) R = strength (V - from K S)
//   output O = from Q S + (left Q K^T) R, next state S' = kept S + (to K)^T R
// Backward, with the gradients dO and dS': (1 + ...)^T X = (left Q K^T)^T dO + to K dS' gives X, the adjoint of what R solves, and
//   dS = kept dS' + (from Q)^T dO - (strength from K)^T X; all else follows within the chunk.

enum { CHUNK = 64, WIDTH = 128, WIDE = WIDTH + 8, NARROW = CHUNK + 8, TAPS = 4 }; // rows in shared memory are longer by sixteen bytes: no bank is hit twice

extern __shared__ uint4 delta_shared[];

// What decays make of a chunk of a value head: computed once, read by all others.
struct Decays
{
    float sums[CHUNK], strength[CHUNK], from[CHUNK], to[CHUNK];
    int starts[CHUNK]; // documents that began since the chunk did
    float kept, unused[3];

    // What is left of token j when token i comes; i >= j.
    __device__ __forceinline__ float left(int i, int j) const { return starts[i] == starts[j] ? __expf(sums[i] - sums[j]) : 0.0f; }
};

enum { DECAYS = sizeof(Decays) };

__device__ __forceinline__ void load4(const bf16* from, float* to)
{
    const uint2 four = *reinterpret_cast<const uint2*>(from);
    to[0] = low(four.x); to[1] = high(four.x); to[2] = low(four.y); to[3] = high(four.y);
}

__device__ __forceinline__ void store4(const float* from, bf16* to)
{
    uint2 four;
    four.x = narrow(from[0]) | (narrow(from[1]) << 16);
    four.y = narrow(from[2]) | (narrow(from[3]) << 16);
    *reinterpret_cast<uint2*>(to) = four;
}

__device__ __forceinline__ void store2(float first, float second, bf16* to) { *reinterpret_cast<unsigned*>(to) = narrow(first) | (narrow(second) << 16); }

__device__ __forceinline__ float warp_sum(float x)
{
#pragma unroll
    for (int offset = 16; offset > 0; offset >>= 1) x += __shfl_xor_sync(0xFFFFFFFFu, x, offset);
    return x;
}

// Where a chunk lies: chunks of a row follow each other, the last may reach beyond it.
struct Place
{
    int64 chunk, first; // of all rows' chunks; the first token of all rows' tokens
    int count, in_row;

    __device__ __forceinline__ Place(int64 chunk, int sequence, int chunks) : chunk(chunk)
    {
        in_row = (int)(chunk % chunks) * CHUNK;
        first = chunk / chunks * sequence + in_row;
        count = min(sequence - in_row, (int)CHUNK);
    }
};

// Rows of a matrix into shared memory, zeros behind the first `valid` of them.
template <int Rows, int Columns>
__device__ __forceinline__ void fetch_tile(bf16* to, const bf16* from, int64 stride, int valid)
{
    for (int piece = threadIdx.x; piece < Rows * Columns / 8; piece += blockDim.x)
    {
        const int row = piece / (Columns / 8), column = piece % (Columns / 8) * 8;
        copy(to + row * (Columns + 8) + column, row < valid ? from + row * stride + column : from, row < valid);
    }
}

template <int Rows, int Columns>
__device__ __forceinline__ void store_tile(bf16* to, int64 stride, const bf16* from, int valid)
{
    for (int piece = threadIdx.x; piece < Rows * Columns / 8; piece += blockDim.x)
    {
        const int row = piece / (Columns / 8), column = piece % (Columns / 8) * 8;
        if (row < valid) *reinterpret_cast<Eight*>(to + row * stride + column) = *reinterpret_cast<const Eight*>(from + row * (Columns + 8) + column);
    }
}

__device__ __forceinline__ void fetch_decays(Decays* to, const Decays* from)
{
    for (int piece = threadIdx.x; piece < DECAYS / 16; piece += blockDim.x)
        copy(reinterpret_cast<bf16*>(to) + piece * 8, reinterpret_cast<const bf16*>(from) + piece * 8, true);
}

// A warp's part of a matrix in shared memory as it holds it of a product.
template <int N>
__device__ __forceinline__ void put(const float (&sum)[1][N][4], bf16* to, int stride)
{
    const int lane = threadIdx.x & 31;
    bf16* place = to + (lane >> 2) * stride + (lane & 3) * 2;
#pragma unroll
    for (int n = 0; n < N; n++)
    {
        store2(sum[0][n][0], sum[0][n][1], place + n * 8);
        store2(sum[0][n][2], sum[0][n][3], place + 8 * stride + n * 8);
    }
}

// ---- The convolution ----

// The latest tokens of a channel's run; which of them belong to the present one's document.
struct Window
{
    float x[TAPS][4]; // the last is the present token's
    int64 document[TAPS];
    bool near[TAPS]; // by distance

    __device__ __forceinline__ void read(const bf16* mixed, const int64* documents, int64 token, int64 tokens, int sequence, int channels, int channel)
    {
#pragma unroll
        for (int i = 0; i + 1 < TAPS; i++)
        {
            document[i] = document[i + 1];
#pragma unroll
            for (int c = 0; c < 4; c++) x[i][c] = x[i + 1][c];
        }
        const bool there = token >= 0 && token < tokens;
        document[TAPS - 1] = there && documents ? documents[token] : 0;
        if (there) load4(mixed + token * channels + channel, x[TAPS - 1]);
        else
        {
#pragma unroll
            for (int c = 0; c < 4; c++) x[TAPS - 1][c] = 0.0f;
        }
        const int place = there ? (int)(token % sequence) : 0;
#pragma unroll
        for (int back = 0; back < TAPS; back++) near[back] = there && place >= back && document[TAPS - 1 - back] == document[TAPS - 1];
    }

    __device__ __forceinline__ void convolve(const float (&taps)[TAPS][4], float* sum) const
    {
#pragma unroll
        for (int c = 0; c < 4; c++) sum[c] = 0.0f;
#pragma unroll
        for (int back = 0; back < TAPS; back++)
        {
            if (!near[back]) continue;
#pragma unroll
            for (int c = 0; c < 4; c++) sum[c] += x[TAPS - 1 - back][c] * taps[TAPS - 1 - back][c];
        }
    }
};

__device__ __forceinline__ void load_taps(const bf16* from, int channel, float (&taps)[TAPS][4])
{
#pragma unroll
    for (int c = 0; c < 4; c++)
    {
        float four[TAPS];
        load4(from + (int64)(channel + c) * TAPS, four);
#pragma unroll
        for (int i = 0; i < TAPS; i++) taps[i][c] = four[i];
    }
}

// A head of the convolution's, a warp a run of 16 tokens: heads = silu(convolution), of queries and keys divided by their length, of queries scaled.
extern "C" __global__ void __launch_bounds__(256) delta_convolve(
    const bf16* mixed, const bf16* taps, const int64* documents, bf16* heads, int64 tokens, int sequence, int channels, int keys, float scale)
{
    const int count = channels / WIDTH;
    const int64 unit = (int64)blockIdx.x * 8 + (threadIdx.x >> 5);
    const int head = (int)(unit % count), channel = head * WIDTH + (threadIdx.x & 31) * 4;
    const int64 first = unit / count * 16;
    if (first >= tokens) return;
    float w[TAPS][4];
    load_taps(taps, channel, w);
    Window window = {};
    for (int back = TAPS - 1; back > 0; back--) window.read(mixed, documents, first - back, tokens, sequence, channels, channel);
    const int64 end = min(first + 16, tokens);
#pragma unroll 4
    for (int64 token = first; token < end; token++)
    {
        window.read(mixed, documents, token, tokens, sequence, channels, channel);
        float y[4], squares = 0.0f;
        window.convolve(w, y);
#pragma unroll
        for (int c = 0; c < 4; c++)
        {
            y[c] *= sigmoid(y[c]);
            squares += y[c] * y[c];
        }
        if (head < 2 * keys)
        {
            const float length = rsqrtf(warp_sum(squares) + 1e-6f) * (head < keys ? scale : 1.0f);
#pragma unroll
            for (int c = 0; c < 4; c++) y[c] *= length;
        }
        store4(y, heads + token * channels + channel);
    }
}

// The gradient of the convolution's input, and of its taps for each block: eight runs of 32 tokens of a head. partial: [tokens / 256][channels * TAPS].
extern "C" __global__ void __launch_bounds__(256) delta_convolve_backward(
    const bf16* gradient, const bf16* mixed, const bf16* taps, const int64* documents, bf16* result, float* partial, int64 tokens, int sequence, int channels,
    int keys, float scale)
{
    float* shares = reinterpret_cast<float*>(delta_shared); // [8][WIDTH * TAPS]
    const int count = channels / WIDTH, head = (int)(blockIdx.x % count), warp = threadIdx.x >> 5, lane = threadIdx.x & 31, channel = head * WIDTH + lane * 4;
    const int64 group = blockIdx.x / count, first = (group * 8 + warp) * 32;
    float w[TAPS][4], dw[TAPS][4] = {}, dx[TAPS][4] = {}; // dx: of the window's tokens
    load_taps(taps, channel, w);
    Window window = {};
    if (first < tokens)
        for (int back = TAPS - 1; back > 0; back--) window.read(mixed, documents, first - back, tokens, sequence, channels, channel);
    const int64 end = first < tokens ? min(first + 32, tokens) : first;
    for (int64 token = first; token < (first < tokens ? end + TAPS - 1 : first); token++)
    {
        window.read(mixed, documents, token, tokens, sequence, channels, channel);
#pragma unroll
        for (int i = 0; i + 1 < TAPS; i++)
#pragma unroll
            for (int c = 0; c < 4; c++) dx[i][c] = dx[i + 1][c];
#pragma unroll
        for (int c = 0; c < 4; c++) dx[TAPS - 1][c] = 0.0f;
        if (token < tokens) // the same for the whole warp
        {
            float y[4], s[4], d[4], squares = 0.0f, dot = 0.0f;
            window.convolve(w, y);
            load4(gradient + token * channels + channel, d);
#pragma unroll
            for (int c = 0; c < 4; c++)
            {
                s[c] = sigmoid(y[c]);
                const float curve = y[c] * s[c];
                squares += curve * curve;
                dot += curve * d[c];
            }
            if (head < 2 * keys)
            {
                const float length = rsqrtf(warp_sum(squares) + 1e-6f), along = warp_sum(dot) * length * length, factor = length * (head < keys ? scale : 1.0f);
#pragma unroll
                for (int c = 0; c < 4; c++) d[c] = factor * (d[c] - y[c] * s[c] * along);
            }
#pragma unroll
            for (int c = 0; c < 4; c++) d[c] *= s[c] * (1.0f + y[c] * (1.0f - s[c]));
#pragma unroll
            for (int back = 0; back < TAPS; back++)
            {
                if (!window.near[back]) continue;
#pragma unroll
                for (int c = 0; c < 4; c++)
                {
                    dx[TAPS - 1 - back][c] += w[TAPS - 1 - back][c] * d[c];
                    if (token < end) dw[TAPS - 1 - back][c] += window.x[TAPS - 1 - back][c] * d[c];
                }
            }
        }
        const int64 done = token - (TAPS - 1);
        if (done >= first && done < end) store4(dx[0], result + done * channels + channel);
    }
#pragma unroll
    for (int i = 0; i < TAPS; i++)
#pragma unroll
        for (int c = 0; c < 4; c++) shares[(warp * WIDTH + lane * 4 + c) * TAPS + i] = dw[i][c];
    __syncthreads();
    for (int i = threadIdx.x; i < WIDTH * TAPS; i += blockDim.x)
    {
        float sum = 0.0f;
#pragma unroll
        for (int part = 0; part < 8; part++) sum += shares[part * WIDTH * TAPS + i];
        partial[group * channels * TAPS + head * WIDTH * TAPS + i] = sum;
    }
}

// ---- The gated norm: result = weight * unit(x) * silu(gate), a warp a row of a head ----

extern "C" __global__ void __launch_bounds__(256) delta_norm(const bf16* x, const bf16* gate, const bf16* weight, bf16* result, int64 rows, float epsilon)
{
    const int64 row = (int64)blockIdx.x * 8 + (threadIdx.x >> 5);
    const int column = (threadIdx.x & 31) * 4;
    if (row >= rows) return;
    float a[4], g[4], w[4], squares = 0.0f;
    load4(x + row * WIDTH + column, a);
    load4(gate + row * WIDTH + column, g);
    load4(weight + column, w);
#pragma unroll
    for (int c = 0; c < 4; c++) squares += a[c] * a[c];
    const float inverse = rsqrtf(warp_sum(squares) / WIDTH + epsilon);
#pragma unroll
    for (int c = 0; c < 4; c++) a[c] = rounded(rounded(a[c] * inverse) * w[c]) * g[c] * sigmoid(g[c]);
    store4(a, result + row * WIDTH + column);
}

// Gradients of x and gate, and of the weight for each block: partial is [blocks][WIDTH].
extern "C" __global__ void __launch_bounds__(256) delta_norm_backward(
    const bf16* gradient, const bf16* x, const bf16* gate, const bf16* weight, bf16* x_gradient, bf16* gate_gradient, float* partial, int64 rows, float epsilon)
{
    float* shares = reinterpret_cast<float*>(delta_shared); // [8][WIDTH]
    const int warp = threadIdx.x >> 5, column = (threadIdx.x & 31) * 4;
    float w[4], dw[4] = {};
    load4(weight + column, w);
    for (int64 row = (int64)blockIdx.x * 8 + warp; row < rows; row += (int64)gridDim.x * 8)
    {
        float d[4], a[4], g[4], squares = 0.0f, dot = 0.0f;
        load4(gradient + row * WIDTH + column, d);
        load4(x + row * WIDTH + column, a);
        load4(gate + row * WIDTH + column, g);
#pragma unroll
        for (int c = 0; c < 4; c++) squares += a[c] * a[c];
        const float inverse = rsqrtf(warp_sum(squares) / WIDTH + epsilon);
#pragma unroll
        for (int c = 0; c < 4; c++)
        {
            const float s = sigmoid(g[c]), opened = d[c] * g[c] * s;
            a[c] *= inverse;
            g[c] = d[c] * a[c] * w[c] * s * (1.0f + g[c] * (1.0f - s));
            dw[c] += opened * a[c];
            d[c] = opened * w[c];
            dot += d[c] * a[c];
        }
        const float mean = warp_sum(dot) / WIDTH;
#pragma unroll
        for (int c = 0; c < 4; c++) d[c] = inverse * (d[c] - a[c] * mean);
        store4(d, x_gradient + row * WIDTH + column);
        store4(g, gate_gradient + row * WIDTH + column);
    }
#pragma unroll
    for (int c = 0; c < 4; c++) shares[warp * WIDTH + column + c] = dw[c];
    __syncthreads();
    if (threadIdx.x >= WIDTH) return;
    float sum = 0.0f;
#pragma unroll
    for (int part = 0; part < 8; part++) sum += shares[part * WIDTH + threadIdx.x];
    partial[(int64)blockIdx.x * WIDTH + threadIdx.x] = sum;
}

// ---- The rule ----

// By one warp, two tokens a lane.
__device__ __forceinline__ void measure(
    Decays& result, const float* decay, const float* strength, const int64* documents, const Place& place, int value_heads, int head)
{
    const int lane = threadIdx.x & 31;
    float d[2], sum;
    int begins[2], starts;
#pragma unroll
    for (int i = 0; i < 2; i++)
    {
        const int token = 2 * lane + i;
        const int64 here = place.first + token;
        const bool there = token < place.count;
        d[i] = there ? decay[here * value_heads + head] : 0.0f;
        result.strength[token] = there ? strength[here * value_heads + head] : 0.0f;
        begins[i] = there && documents && place.in_row + token > 0 && documents[here] != documents[here - 1] ? 1 : 0;
    }
    sum = d[0] + d[1];
    starts = begins[0] + begins[1];
#pragma unroll
    for (int offset = 1; offset < 32; offset <<= 1)
    {
        const float other_sum = __shfl_up_sync(0xFFFFFFFFu, sum, offset);
        const int other_starts = __shfl_up_sync(0xFFFFFFFFu, starts, offset);
        if (lane >= offset)
        {
            sum += other_sum;
            starts += other_starts;
        }
    }
    const float last = __shfl_sync(0xFFFFFFFFu, sum, 31);
    const int all = __shfl_sync(0xFFFFFFFFu, starts, 31);
#pragma unroll
    for (int i = 0; i < 2; i++)
    {
        const int token = 2 * lane + i, began = i == 0 ? starts - begins[1] : starts;
        const float at = i == 0 ? sum - d[1] : sum;
        result.sums[token] = at;
        result.starts[token] = began;
        result.from[token] = began == 0 ? __expf(at) : 0.0f;
        result.to[token] = began == all ? __expf(last - at) : 0.0f;
    }
    if (lane == 0)
    {
        result.kept = all == 0 ? __expf(last) : 0.0f;
        result.unused[0] = result.unused[1] = result.unused[2] = 0.0f;
    }
}

// Column `threadIdx.x` of the inverse of 1 + a, a strictly below the diagonal: by rows from above, four at a time. Warps 0 and 1.
__device__ __forceinline__ void invert(const float* a, float* inverse, int stride)
{
    const int column = threadIdx.x, top = column & 32; // nothing of the warp's columns lies above
    for (int i = 0; i < top; i++) inverse[i * stride + column] = 0.0f;
    for (int i = top; i < CHUNK; i += 4)
    {
        float sum[4] = {};
        for (int j = top; j < i; j += 4)
        {
            float x[4];
#pragma unroll
            for (int k = 0; k < 4; k++) x[k] = inverse[(j + k) * stride + column];
#pragma unroll
            for (int r = 0; r < 4; r++)
            {
                const float4 row = *reinterpret_cast<const float4*>(a + (i + r) * stride + j);
                sum[r] += row.x * x[0] + row.y * x[1] + row.z * x[2] + row.w * x[3];
            }
        }
        float found[4];
#pragma unroll
        for (int r = 0; r < 4; r++)
        {
            found[r] = (i + r == column ? 1.0f : 0.0f) - sum[r];
#pragma unroll
            for (int k = 0; k < r; k++) found[r] -= a[(i + r) * stride + i + k] * found[k];
            inverse[(i + r) * stride + column] = found[r];
        }
    }
}

// Of a chunk and a key head, for each of its value heads: decays, the inverse of what `written` solves, and the scores left Q K^T.
// decays: [chunk][value head]; inverses and scores: [chunk][value head][CHUNK][CHUNK].
extern "C" __global__ void __launch_bounds__(256) delta_chunk(
    const bf16* heads, const float* decay, const float* strength, const int64* documents, Decays* decays, bf16* inverses, bf16* scores, int sequence, int chunks,
    int keys, int values)
{
    bf16* query = reinterpret_cast<bf16*>(delta_shared);
    bf16* key = query + CHUNK * WIDE;
    float* system = reinterpret_cast<float*>(key + CHUNK * WIDE);
    enum { STRIDE = CHUNK + 4 };
    float* inverse = system + CHUNK * STRIDE;
    Decays& mine = *reinterpret_cast<Decays*>(inverse + CHUNK * STRIDE);
    const Place place(blockIdx.x / keys, sequence, chunks);
    const int head = (int)(blockIdx.x % keys), group = values / keys, channels = (2 * keys + values) * WIDTH, warp = threadIdx.x >> 5, lane = threadIdx.x & 31;
    const bf16* from = heads + place.first * channels + head * WIDTH;
    fetch_tile<CHUNK, WIDTH>(query, from, channels, place.count);
    fetch_tile<CHUNK, WIDTH>(key, from + keys * WIDTH, channels, place.count);
    copies_end();
    copies_arrive<0>();
    __syncthreads();
    // Four warps have the keys' products with keys, four the queries'.
    float sum[1][8][4] = {};
    const int top = (warp & 3) * 16;
    multiply<1, 8, 8, false, true>(sum, (warp < 4 ? key : query) + top * WIDE, WIDE, key, WIDE);
    for (int value = head * group; value < (head + 1) * group; value++)
    {
        const int64 tile = place.chunk * values + value;
        __syncthreads();
        if (warp == 0) measure(mine, decay, strength, documents, place, values, value);
        __syncthreads();
        for (int i = threadIdx.x; i < DECAYS / 16; i += blockDim.x) reinterpret_cast<float4*>(decays + tile)[i] = reinterpret_cast<const float4*>(&mine)[i];
#pragma unroll
        for (int n = 0; n < 8; n++)
#pragma unroll
            for (int half = 0; half < 2; half++)
            {
                const int i = top + (lane >> 2) + 8 * half, j = n * 8 + (lane & 3) * 2;
                float pair[2];
#pragma unroll
                for (int c = 0; c < 2; c++)
                {
                    const bool sees = warp < 4 ? i > j + c : i >= j + c;
                    pair[c] = sees ? mine.left(i, j + c) * sum[0][n][2 * half + c] : 0.0f;
                }
                if (warp < 4)
                {
                    system[i * STRIDE + j] = mine.strength[i] * pair[0];
                    system[i * STRIDE + j + 1] = mine.strength[i] * pair[1];
                }
                else store2(pair[0], pair[1], scores + (tile * CHUNK + i) * CHUNK + j);
            }
        __syncthreads();
        if (warp < 2) invert(system, inverse, STRIDE);
        __syncthreads();
        for (int piece = threadIdx.x; piece < CHUNK * CHUNK / 8; piece += blockDim.x)
        {
            const int row = piece / 8, column = piece % 8 * 8;
            store(inverse + row * STRIDE + column, inverses + (tile * CHUNK + row) * CHUNK + column);
        }
    }
}

// From chunk to chunk, a block half the columns of a head's state: states, as they come into each chunk, and what is written.
// states: [chunk][value head][WIDTH][WIDTH]; written: [token][value head][WIDTH].
extern "C" __global__ void __launch_bounds__(256, 2) delta_states(
    const bf16* heads, const Decays* decays, const bf16* inverses, bf16* states, bf16* written, int sequence, int chunks, int keys, int values)
{
    bf16* state = reinterpret_cast<bf16*>(delta_shared); // [WIDTH][NARROW]
    bf16* key = state + WIDTH * NARROW; // [2][CHUNK][WIDE]
    bf16* value = key + 2 * CHUNK * WIDE; // [2][CHUNK][NARROW]
    bf16* inverse = value + 2 * CHUNK * NARROW; // [2][CHUNK][NARROW]
    bf16* asked = inverse + 2 * CHUNK * NARROW; // [CHUNK][NARROW]
    bf16* added = asked + CHUNK * NARROW; // [CHUNK][NARROW]
    Decays* mine = reinterpret_cast<Decays*>(added + CHUNK * NARROW); // [2]
    const int side = (int)(blockIdx.x & 1) * CHUNK, head = (int)(blockIdx.x / 2 % values), channels = (2 * keys + values) * WIDTH;
    const int key_head = head / (values / keys), warp = threadIdx.x >> 5, lane = threadIdx.x & 31, top = (warp & 3) * 16, start = (warp >> 2) * 32;
    const int64 row = blockIdx.x / 2 / values;

    auto fetch_chunk = [&](int n)
    {
        const Place place(row * chunks + n, sequence, chunks);
        const int buffer = n & 1;
        const bf16* from = heads + place.first * channels;
        const int64 tile = place.chunk * values + head;
        fetch_tile<CHUNK, WIDTH>(key + buffer * CHUNK * WIDE, from + (keys + key_head) * WIDTH, channels, place.count);
        fetch_tile<CHUNK, CHUNK>(value + buffer * CHUNK * NARROW, from + (2 * keys + head) * WIDTH + side, channels, place.count);
        fetch_tile<CHUNK, CHUNK>(inverse + buffer * CHUNK * NARROW, inverses + tile * CHUNK * CHUNK, CHUNK, CHUNK);
        fetch_decays(mine + buffer, decays + tile);
    };

    float sum[1][8][4] = {}; // sixteen rows of the state a warp
    put(sum, state + warp * 16 * NARROW, NARROW);
    fetch_chunk(0);
    copies_end();
    for (int n = 0; n < chunks; n++)
    {
        const Place place(row * chunks + n, sequence, chunks);
        if (n + 1 < chunks) fetch_chunk(n + 1);
        copies_end();
        copies_arrive<1>();
        __syncthreads();
        const Decays& decay = mine[n & 1];
        const bf16* k = key + (n & 1) * CHUNK * WIDE;
        const bf16* v = value + (n & 1) * CHUNK * NARROW;
        store_tile<WIDTH, CHUNK>(states + (place.chunk * values + head) * WIDTH * WIDTH + side, WIDTH, state, WIDTH);
        float found[1][4][4] = {};
        multiply<1, 4, 8, false, false>(found, k + top * WIDE, WIDE, state + start, NARROW);
#pragma unroll
        for (int c = 0; c < 4; c++)
#pragma unroll
            for (int half = 0; half < 2; half++)
            {
                const int i = top + (lane >> 2) + 8 * half, j = start + c * 8 + (lane & 3) * 2;
                const unsigned pair = *reinterpret_cast<const unsigned*>(v + i * NARROW + j);
                found[0][c][2 * half] = decay.strength[i] * (low(pair) - decay.from[i] * found[0][c][2 * half]);
                found[0][c][2 * half + 1] = decay.strength[i] * (high(pair) - decay.from[i] * found[0][c][2 * half + 1]);
            }
        put(found, asked + top * NARROW + start, NARROW);
        __syncthreads();
        float solved[1][4][4] = {};
        multiply<1, 4, 4, false, false>(solved, inverse + (n & 1) * CHUNK * NARROW + top * NARROW, NARROW, asked + start, NARROW);
#pragma unroll
        for (int c = 0; c < 4; c++)
#pragma unroll
            for (int half = 0; half < 2; half++)
            {
                const int i = top + (lane >> 2) + 8 * half, j = start + c * 8 + (lane & 3) * 2;
                float* pair = solved[0][c] + 2 * half;
                if (i < place.count) store2(pair[0], pair[1], written + ((place.first + i) * values + head) * WIDTH + side + j);
                pair[0] *= decay.to[i];
                pair[1] *= decay.to[i];
            }
        put(solved, added + top * NARROW + start, NARROW);
        __syncthreads();
#pragma unroll
        for (int c = 0; c < 8; c++)
#pragma unroll
            for (int i = 0; i < 4; i++) sum[0][c][i] *= decay.kept;
        multiply<1, 8, 4, true, false>(sum, k + warp * 16, WIDE, added, NARROW);
        put(sum, state + warp * 16 * NARROW, NARROW);
        __syncthreads();
    }
}

// The output of a chunk and a value head: [token][value head][WIDTH].
extern "C" __global__ void __launch_bounds__(256) delta_output(
    const bf16* heads, const Decays* decays, const bf16* scores, const bf16* states, const bf16* written, bf16* output, int sequence, int chunks, int keys, int values)
{
    bf16* query = reinterpret_cast<bf16*>(delta_shared); // [CHUNK][WIDE]
    bf16* state = query + CHUNK * WIDE; // [WIDTH][WIDE]
    bf16* score = state + WIDTH * WIDE; // [CHUNK][NARROW]
    bf16* replaced = score + CHUNK * NARROW; // [CHUNK][WIDE]
    Decays* mine = reinterpret_cast<Decays*>(replaced + CHUNK * WIDE);
    const Place place(blockIdx.x / values, sequence, chunks);
    const int head = (int)(blockIdx.x % values), channels = (2 * keys + values) * WIDTH, warp = threadIdx.x >> 5, lane = threadIdx.x & 31;
    const int top = (warp & 3) * 16, start = (warp >> 2) * 64;
    const int64 tile = place.chunk * values + head, line = (place.first * values + head) * WIDTH;
    fetch_tile<CHUNK, WIDTH>(query, heads + place.first * channels + head / (values / keys) * WIDTH, channels, place.count);
    fetch_tile<WIDTH, WIDTH>(state, states + tile * WIDTH * WIDTH, WIDTH, WIDTH);
    fetch_decays(mine, decays + tile);
    copies_end();
    fetch_tile<CHUNK, CHUNK>(score, scores + tile * CHUNK * CHUNK, CHUNK, CHUNK);
    fetch_tile<CHUNK, WIDTH>(replaced, written + line, (int64)values * WIDTH, place.count);
    copies_end();
    copies_arrive<1>();
    __syncthreads();
    float sum[1][8][4] = {};
    multiply<1, 8, 8, false, false>(sum, query + top * WIDE, WIDE, state + start, WIDE);
    const float first = mine->from[top + (lane >> 2)], second = mine->from[top + (lane >> 2) + 8];
#pragma unroll
    for (int n = 0; n < 8; n++)
    {
        sum[0][n][0] *= first;
        sum[0][n][1] *= first;
        sum[0][n][2] *= second;
        sum[0][n][3] *= second;
    }
    copies_arrive<0>();
    __syncthreads();
    multiply<1, 8, 4, false, false>(sum, score + top * NARROW, NARROW, replaced + start, WIDE);
    put(sum, query + top * WIDE + start, WIDE); // all have read the queries
    __syncthreads();
    store_tile<CHUNK, WIDTH>(output + line, (int64)values * WIDTH, query, place.count);
}

// Backwards from chunk to chunk, a block half the columns: the gradients of the states that leave each chunk, and the adjoints X.
// state_gradients as states; adjoints as written.
extern "C" __global__ void __launch_bounds__(256, 2) delta_adjoints(
    const bf16* heads, const Decays* decays, const bf16* inverses, const bf16* scores, const bf16* gradient, bf16* state_gradients, bf16* adjoints, int sequence,
    int chunks, int keys, int values)
{
    bf16* state = reinterpret_cast<bf16*>(delta_shared); // [WIDTH][NARROW]
    bf16* key = state + WIDTH * NARROW; // [CHUNK][WIDE]
    bf16* query = key + CHUNK * WIDE; // [CHUNK][WIDE]
    bf16* inverse = query + CHUNK * WIDE; // [CHUNK][NARROW], and so on
    bf16* score = inverse + CHUNK * NARROW;
    bf16* given = score + CHUNK * NARROW;
    bf16* asked = given + CHUNK * NARROW;
    bf16* added = asked + CHUNK * NARROW;
    Decays* mine = reinterpret_cast<Decays*>(added + CHUNK * NARROW);
    const int side = (int)(blockIdx.x & 1) * CHUNK, head = (int)(blockIdx.x / 2 % values), channels = (2 * keys + values) * WIDTH;
    const int key_head = head / (values / keys), warp = threadIdx.x >> 5, lane = threadIdx.x & 31, top = (warp & 3) * 16, start = (warp >> 2) * 32;
    const int64 row = blockIdx.x / 2 / values;
    float sum[1][8][4] = {};
    put(sum, state + warp * 16 * NARROW, NARROW);
    for (int n = chunks - 1; n >= 0; n--)
    {
        const Place place(row * chunks + n, sequence, chunks);
        const int64 tile = place.chunk * values + head, line = (place.first * values + head) * WIDTH + side;
        const bf16* from = heads + place.first * channels + key_head * WIDTH;
        fetch_tile<CHUNK, WIDTH>(key, from + keys * WIDTH, channels, place.count);
        fetch_tile<CHUNK, CHUNK>(score, scores + tile * CHUNK * CHUNK, CHUNK, CHUNK);
        fetch_tile<CHUNK, CHUNK>(given, gradient + line, (int64)values * WIDTH, place.count);
        fetch_decays(mine, decays + tile);
        copies_end();
        fetch_tile<CHUNK, CHUNK>(inverse, inverses + tile * CHUNK * CHUNK, CHUNK, CHUNK);
        fetch_tile<CHUNK, WIDTH>(query, from, channels, place.count);
        copies_end();
        copies_arrive<1>();
        __syncthreads();
        const Decays& decay = *mine;
        store_tile<WIDTH, CHUNK>(state_gradients + tile * WIDTH * WIDTH + side, WIDTH, state, WIDTH);
        float found[1][4][4] = {};
        multiply<1, 4, 8, false, false>(found, key + top * WIDE, WIDE, state + start, NARROW);
        const float first = decay.to[top + (lane >> 2)], second = decay.to[top + (lane >> 2) + 8];
#pragma unroll
        for (int c = 0; c < 4; c++)
        {
            found[0][c][0] *= first;
            found[0][c][1] *= first;
            found[0][c][2] *= second;
            found[0][c][3] *= second;
        }
        multiply<1, 4, 4, true, false>(found, score + top, NARROW, given + start, NARROW);
        put(found, asked + top * NARROW + start, NARROW);
        copies_arrive<0>();
        __syncthreads();
        float solved[1][4][4] = {};
        multiply<1, 4, 4, true, false>(solved, inverse + top, NARROW, asked + start, NARROW);
#pragma unroll
        for (int c = 0; c < 4; c++)
#pragma unroll
            for (int half = 0; half < 2; half++)
            {
                const int i = top + (lane >> 2) + 8 * half, j = start + c * 8 + (lane & 3) * 2;
                float* pair = solved[0][c] + 2 * half;
                if (i < place.count) store2(pair[0], pair[1], adjoints + line + (int64)i * values * WIDTH + j);
                const float factor = -decay.strength[i] * decay.from[i];
                pair[0] *= factor;
                pair[1] *= factor;
            }
        put(solved, added + top * NARROW + start, NARROW);
        for (int piece = threadIdx.x; piece < CHUNK * CHUNK / 8; piece += blockDim.x)
        {
            bf16* eight = given + piece / 8 * NARROW + piece % 8 * 8;
            float x[8];
            load(eight, x);
#pragma unroll
            for (int i = 0; i < 8; i++) x[i] *= decay.from[piece / 8];
            store(x, eight);
        }
        __syncthreads();
#pragma unroll
        for (int c = 0; c < 8; c++)
#pragma unroll
            for (int i = 0; i < 4; i++) sum[0][c][i] *= decay.kept;
        multiply<1, 8, 4, true, false>(sum, query + warp * 16, WIDE, given, NARROW);
        multiply<1, 8, 4, true, false>(sum, key + warp * 16, WIDE, added, NARROW);
        put(sum, state + warp * 16 * NARROW, NARROW);
        __syncthreads();
    }
}

// A row's numbers of a product times those of a matrix in shared memory, added up: for the two rows of a lane.
template <int N>
__device__ __forceinline__ void dot_rows(const float (&sum)[1][N][4], const bf16* with, int stride, float* dots)
{
    const int lane = threadIdx.x & 31;
    const bf16* place = with + (lane >> 2) * stride + (lane & 3) * 2;
    dots[0] = dots[1] = 0.0f;
#pragma unroll
    for (int n = 0; n < N; n++)
#pragma unroll
        for (int half = 0; half < 2; half++)
        {
            const unsigned pair = *reinterpret_cast<const unsigned*>(place + half * 8 * stride + n * 8);
            dots[half] += sum[0][n][2 * half] * low(pair) + sum[0][n][2 * half + 1] * high(pair);
        }
}

// Over the four lanes that share rows.
__device__ __forceinline__ float row_sum(float x)
{
    x += __shfl_xor_sync(0xFFFFFFFFu, x, 1);
    return x + __shfl_xor_sync(0xFFFFFFFFu, x, 2);
}

// Over the eight lanes that share columns.
__device__ __forceinline__ float column_sum(float x)
{
    x += __shfl_xor_sync(0xFFFFFFFFu, x, 4);
    x += __shfl_xor_sync(0xFFFFFFFFu, x, 8);
    return x + __shfl_xor_sync(0xFFFFFFFFu, x, 16);
}

// The gradients of a chunk's heads, decays and strengths: a block a chunk and a key head, one of its value heads after the other.
extern "C" __global__ void __launch_bounds__(256, 1) delta_gradients(
    const bf16* heads, const Decays* decays, const bf16* states, const bf16* state_gradients, const bf16* written, const bf16* adjoints, const bf16* gradient,
    bf16* head_gradients, float* decay_gradient, float* strength_gradient, int sequence, int chunks, int keys, int values)
{
    bf16* query = reinterpret_cast<bf16*>(delta_shared); // [CHUNK][WIDE]
    bf16* key = query + CHUNK * WIDE;
    bf16* given = key + CHUNK * WIDE;
    bf16* replaced = given + CHUNK * WIDE;
    bf16* adjoint = replaced + CHUNK * WIDE;
    bf16* state = adjoint + CHUNK * WIDE; // [WIDTH][WIDE]
    bf16* next = state + WIDTH * WIDE; // [WIDTH][WIDE]: the gradient of the state that leaves
    bf16* score = next + WIDTH * WIDE; // [CHUNK][NARROW]: the gradient of scores, times left
    bf16* system = score + CHUNK * NARROW; // [CHUNK][NARROW]: that of the system's matrix, times strength and left
    Decays* mine = reinterpret_cast<Decays*>(system + CHUNK * NARROW);
    float* of_sums = reinterpret_cast<float*>(mine + 1); // [2][CHUNK], rows of each half of the columns
    float* of_strength = of_sums + 2 * CHUNK; // [2][CHUNK]
    float* of_to = of_strength + 2 * CHUNK; // [2][CHUNK]
    float* of_columns = of_to + 2 * CHUNK; // [4][CHUNK], columns of each quarter of the rows
    float* of_values = of_columns + 4 * CHUNK; // [CHUNK]
    float* of_states = of_values + CHUNK; // [8]
    const Place place(blockIdx.x / keys, sequence, chunks);
    const int head = (int)(blockIdx.x % keys), group = values / keys, channels = (2 * keys + values) * WIDTH, warp = threadIdx.x >> 5, lane = threadIdx.x & 31;
    const int top = (warp & 3) * 16, side = warp >> 2, row = top + (lane >> 2); // a warp's rows of every product, and its half of the columns
    const int64 line = (int64)values * WIDTH;
    const bf16* from = heads + place.first * channels + head * WIDTH;
    fetch_tile<CHUNK, WIDTH>(query, from, channels, place.count);
    fetch_tile<CHUNK, WIDTH>(key, from + keys * WIDTH, channels, place.count);
    float query_sum[1][8][4] = {}, key_sum[1][8][4] = {}, query_key[1][4][4] = {}, key_key[1][4][4] = {};
    for (int value = head * group; value < (head + 1) * group; value++)
    {
        const int64 tile = place.chunk * values + value, place_of = place.first * line + value * WIDTH;
        fetch_tile<WIDTH, WIDTH>(state, states + tile * WIDTH * WIDTH, WIDTH, WIDTH);
        fetch_tile<CHUNK, WIDTH>(given, gradient + place_of, line, place.count);
        fetch_tile<CHUNK, WIDTH>(adjoint, adjoints + place_of, line, place.count);
        fetch_decays(mine, decays + tile);
        copies_end();
        fetch_tile<CHUNK, WIDTH>(replaced, written + place_of, line, place.count);
        fetch_tile<WIDTH, WIDTH>(next, state_gradients + tile * WIDTH * WIDTH, WIDTH, WIDTH);
        copies_end();
        copies_arrive<1>();
        __syncthreads();
        if (value == head * group)
        {
            multiply<1, 4, 8, false, true>(query_key, query + top * WIDE, WIDE, key + side * 32 * WIDE, WIDE);
            multiply<1, 4, 8, false, true>(key_key, key + top * WIDE, WIDE, key + side * 32 * WIDE, WIDE);
        }
        const Decays& decay = *mine;
        float sums[2], strengths[2], tos[2], dots[2];
        {
            float product[1][8][4] = {}; // of what the queries read of the state
            multiply<1, 8, 8, false, true>(product, given + top * WIDE, WIDE, state + side * 64 * WIDE, WIDE);
            dot_rows(product, query + top * WIDE + side * 64, WIDE, dots);
#pragma unroll
            for (int half = 0; half < 2; half++)
            {
                const float factor = decay.from[row + 8 * half];
                sums[half] = factor * dots[half];
#pragma unroll
                for (int n = 0; n < 8; n++)
#pragma unroll
                    for (int c = 2 * half; c < 2 * half + 2; c++) query_sum[0][n][c] += factor * product[0][n][c];
            }
        }
        {
            float product[1][8][4] = {}; // of what the keys find in the state, with the other sign
            multiply<1, 8, 8, false, true>(product, adjoint + top * WIDE, WIDE, state + side * 64 * WIDE, WIDE);
            dot_rows(product, key + top * WIDE + side * 64, WIDE, dots);
#pragma unroll
            for (int half = 0; half < 2; half++)
            {
                const float factor = decay.strength[row + 8 * half] * decay.from[row + 8 * half];
                sums[half] -= factor * dots[half];
                strengths[half] = -decay.from[row + 8 * half] * dots[half];
#pragma unroll
                for (int n = 0; n < 8; n++)
#pragma unroll
                    for (int c = 2 * half; c < 2 * half + 2; c++) key_sum[0][n][c] -= factor * product[0][n][c];
            }
        }
        copies_arrive<0>();
        __syncthreads();
        {
            float product[1][8][4] = {}; // of what is written into the next state
            multiply<1, 8, 8, false, true>(product, replaced + top * WIDE, WIDE, next + side * 64 * WIDE, WIDE);
            dot_rows(product, key + top * WIDE + side * 64, WIDE, dots);
#pragma unroll
            for (int half = 0; half < 2; half++)
            {
                const float factor = decay.to[row + 8 * half];
                tos[half] = factor * dots[half];
#pragma unroll
                for (int n = 0; n < 8; n++)
#pragma unroll
                    for (int c = 2 * half; c < 2 * half + 2; c++) key_sum[0][n][c] += factor * product[0][n][c];
            }
        }
        {
            float scores[1][4][4] = {}, systems[1][4][4] = {};
            multiply<1, 4, 8, false, true>(scores, given + top * WIDE, WIDE, replaced + side * 32 * WIDE, WIDE);
            multiply<1, 4, 8, false, true>(systems, adjoint + top * WIDE, WIDE, replaced + side * 32 * WIDE, WIDE);
#pragma unroll
            for (int n = 0; n < 4; n++)
#pragma unroll
                for (int c = 0; c < 2; c++)
                {
                    const int j = side * 32 + n * 8 + (lane & 3) * 2 + c;
                    float column = 0.0f;
#pragma unroll
                    for (int half = 0; half < 2; half++)
                    {
                        const int i = row + 8 * half, at = 2 * half + c;
                        const float left = i >= j ? decay.left(i, j) : 0.0f;
                        const float of_score = left * scores[0][n][at], of_system = i > j ? -left * systems[0][n][at] : 0.0f;
                        const float system_share = of_system * key_key[0][n][at], share = of_score * query_key[0][n][at] + decay.strength[i] * system_share;
                        strengths[half] += system_share;
                        sums[half] += share;
                        column += share;
                        scores[0][n][at] = of_score;
                        systems[0][n][at] = decay.strength[i] * of_system;
                    }
                    column = column_sum(column);
                    if (lane < 4) of_columns[(warp & 3) * CHUNK + j] = column;
                }
            put(scores, score + top * NARROW + side * 32, NARROW);
            put(systems, system + top * NARROW + side * 32, NARROW);
        }
#pragma unroll
        for (int half = 0; half < 2; half++)
        {
            const float all_sums = row_sum(sums[half]), all_strengths = row_sum(strengths[half]), all_tos = row_sum(tos[half]);
            if ((lane & 3) != 0) continue;
            of_sums[side * CHUNK + row + 8 * half] = all_sums;
            of_strength[side * CHUNK + row + 8 * half] = all_strengths;
            of_to[side * CHUNK + row + 8 * half] = all_tos;
        }
        float product_of_states = 0.0f;
        for (int piece = threadIdx.x; piece < WIDTH * WIDTH / 8; piece += blockDim.x)
        {
            float a[8], b[8];
            load(state + piece / 16 * WIDE + piece % 16 * 8, a);
            load(next + piece / 16 * WIDE + piece % 16 * 8, b);
#pragma unroll
            for (int i = 0; i < 8; i++) product_of_states += a[i] * b[i];
        }
        product_of_states = warp_sum(product_of_states);
        if (lane == 0) of_states[warp] = product_of_states;
        for (int i = warp; i < CHUNK; i += 8)
        {
            float x[4] = {}, v[4] = {}, dot = 0.0f;
            const int64 here = (place.first + i) * channels + (2 * keys + value) * WIDTH + lane * 4;
            if (i < place.count)
            {
                load4(adjoint + i * WIDE + lane * 4, x);
                load4(heads + here, v);
#pragma unroll
                for (int c = 0; c < 4; c++)
                {
                    dot += x[c] * v[c];
                    x[c] *= decay.strength[i];
                }
                store4(x, head_gradients + here);
            }
            dot = warp_sum(dot);
            if (lane == 0) of_values[i] = dot;
        }
        __syncthreads();
        multiply<1, 8, 4, false, false>(query_sum, score + top * NARROW, NARROW, key + side * 64, WIDE);
        multiply<1, 8, 4, true, false>(key_sum, score + top, NARROW, query + side * 64, WIDE);
        multiply<1, 8, 4, false, false>(key_sum, system + top * NARROW, NARROW, key + side * 64, WIDE);
        multiply<1, 8, 4, true, false>(key_sum, system + top, NARROW, key + side * 64, WIDE);
        if (warp == 0)
        {
            // Two tokens a lane. A decay's logarithm is in the sums of all tokens from its own on.
            float own[2], to[2];
#pragma unroll
            for (int c = 0; c < 2; c++)
            {
                const int i = 2 * lane + c;
                to[c] = of_to[i] + of_to[CHUNK + i];
                own[c] = of_sums[i] + of_sums[CHUNK + i] - to[c];
                for (int part = 0; part < 4; part++) own[c] -= of_columns[part * CHUNK + i];
                if (i < place.count)
                    strength_gradient[(place.first + i) * values + value] = of_strength[i] + of_strength[CHUNK + i] + of_values[i];
            }
            const float all_to = warp_sum(to[0] + to[1]);
            if (lane == 31)
            {
                float states_share = 0.0f;
                for (int part = 0; part < 8; part++) states_share += of_states[part];
                own[1] += all_to + decay.kept * states_share;
            }
            float sum = own[0] + own[1];
#pragma unroll
            for (int offset = 1; offset < 32; offset <<= 1)
            {
                const float other = __shfl_down_sync(0xFFFFFFFFu, sum, offset);
                if (lane + offset < 32) sum += other;
            }
            float later = __shfl_down_sync(0xFFFFFFFFu, sum, 1);
            if (lane == 31) later = 0.0f;
            if (2 * lane < place.count) decay_gradient[(place.first + 2 * lane) * values + value] = sum;
            if (2 * lane + 1 < place.count) decay_gradient[(place.first + 2 * lane + 1) * values + value] = own[1] + later;
        }
        __syncthreads();
    }
    put(query_sum, given + top * WIDE + side * 64, WIDE);
    put(key_sum, adjoint + top * WIDE + side * 64, WIDE);
    __syncthreads();
    store_tile<CHUNK, WIDTH>(head_gradients + place.first * channels + head * WIDTH, channels, given, place.count);
    store_tile<CHUNK, WIDTH>(head_gradients + place.first * channels + (keys + head) * WIDTH, channels, adjoint, place.count);
}
