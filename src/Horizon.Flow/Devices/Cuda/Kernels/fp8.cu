// Matrices in fp8, for devices of compute capability 8.9 and later; behind operators.cu. x is [rows, columns] bf16, columns a multiple of
// sixteen; the transpose is [columns, padded], zeros behind its rows. The arithmetic is that of EagerFp8Operators, to the last bit.

// Who shares a scale.
enum { BY_TENSOR, BY_ROW, BY_BLOCK, BY_SQUARE };

template <bool Wide>
__device__ __forceinline__ unsigned two(float first, float second)
{
    unsigned short bits;
    if (Wide) asm("cvt.rn.satfinite.e5m2x2.f32 %0, %1, %2;" : "=h"(bits) : "f"(second), "f"(first));
    else asm("cvt.rn.satfinite.e4m3x2.f32 %0, %1, %2;" : "=h"(bits) : "f"(second), "f"(first));
    return bits;
}

// What numbers are multiplied by, so that the largest becomes the format's largest. A NaN stays one.
template <bool Wide>
__device__ __forceinline__ float inverse_of(unsigned maximum)
{
    float inverse = (Wide ? 57344.0f : 448.0f) * (1.0f / __uint_as_float(maximum));
    return inverse > 8.5070592e37f ? 8.5070592e37f : inverse;
}

__device__ __forceinline__ float number(const Eight& eight, int index)
{
    unsigned word = eight.word[index >> 1];
    return index & 1 ? high(word) : low(word);
}

__device__ __forceinline__ unsigned magnitude(const Eight& eight, int index)
{
    unsigned word = eight.word[index >> 1];
    return index & 1 ? word & 0x7FFF0000u : (word << 16) & 0x7FFF0000u;
}

template <bool Wide>
__device__ __forceinline__ uint2 to_eighths(const Eight& eight, float scale)
{
    uint2 result;
    result.x = two<Wide>(number(eight, 0) * scale, number(eight, 1) * scale) | two<Wide>(number(eight, 2) * scale, number(eight, 3) * scale) << 16;
    result.y = two<Wide>(number(eight, 4) * scale, number(eight, 5) * scale) | two<Wide>(number(eight, 6) * scale, number(eight, 7) * scale) << 16;
    return result;
}

// Two numbers to bf16, as narrow rounds each.
__device__ __forceinline__ unsigned narrow_two(float first, float second)
{
    unsigned bits;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(bits) : "f"(second), "f"(first));
    return bits;
}

// Back from e4m3 to bf16.
__device__ __forceinline__ Eight from_eighths(uint2 eighths, float scale)
{
    Eight result;
#pragma unroll
    for (int i = 0; i < 4; i++)
    {
        const unsigned short pair = (unsigned short)((i < 2 ? eighths.x : eighths.y) >> (16 * (i & 1)));
        float first, second;
        asm("{ .reg .b32 both; .reg .b16 one, other; cvt.rn.f16x2.e4m3x2 both, %2; mov.b32 {one, other}, both; cvt.f32.f16 %0, one; cvt.f32.f16 %1, other; }"
            : "=f"(first), "=f"(second) : "h"(pair));
        result.word[i] = narrow_two(first * scale, second * scale);
    }
    return result;
}

__device__ __forceinline__ unsigned largest_of(const Eight& eight, unsigned top)
{
#pragma unroll
    for (int i = 0; i < 8; i++) top = max(top, magnitude(eight, i));
    return top;
}

// The largest of the 128 numbers that sixteen lanes have.
__device__ __forceinline__ unsigned largest_of_block(const Eight& eight)
{
    const unsigned half = 0xFFFFu << (threadIdx.x & 16);
    unsigned top = largest_of(eight, 0);
#pragma unroll
    for (int offset = 8; offset > 0; offset >>= 1) top = max(top, __shfl_xor_sync(half, top, offset));
    return top;
}

// A tile of 128 x 128 a block, of 256 threads: sixteen by eight columns, sixteen by twice four rows.
struct Tile
{
    int64 first_row, rows;
    int first_column, column, columns, part; // part: of the rows, 0 to 15
    Eight of[8];
    bool inside;

    // Zeros.
    __device__ Tile(int64 rows, int columns) : rows(rows), columns(columns)
    {
        const int across = (columns + 127) / 128;
        first_row = (int64)(blockIdx.x / across) * 128;
        first_column = (int)(blockIdx.x % across) * 128;
        column = first_column + (threadIdx.x & 15) * 8;
        part = threadIdx.x >> 4;
        inside = column < columns;
#pragma unroll
        for (int i = 0; i < 8; i++) of[i] = Eight{{0, 0, 0, 0}};
    }

    __device__ Tile(const bf16* x, int64 rows, int columns) : Tile(rows, columns)
    {
#pragma unroll
        for (int i = 0; i < 8; i++)
        {
            if (has(i)) of[i] = *reinterpret_cast<const Eight*>(x + row(i) * columns + column);
        }
    }

    __device__ __forceinline__ int64 row(int i) const { return first_row + (i >> 2) * 64 + part * 4 + (i & 3); }

    __device__ __forceinline__ bool has(int i) const { return inside && row(i) < rows; }
};

// The largest of each of the thread's rows, over the columns of the tile.
__device__ __forceinline__ void over_columns(const Tile& tile, unsigned* of_rows)
{
#pragma unroll
    for (int i = 0; i < 8; i++)
    {
        of_rows[i] = largest_of_block(tile.of[i]);
    }
}

// The largest of each of the thread's columns, over the rows of the tile.
__device__ __forceinline__ void over_rows(const Tile& tile, unsigned* of_columns, unsigned (*shared)[128])
{
    const int warp = threadIdx.x >> 5, place = (threadIdx.x & 15) * 8;
#pragma unroll
    for (int c = 0; c < 8; c++)
    {
        unsigned top = 0;
#pragma unroll
        for (int i = 0; i < 8; i++) top = max(top, magnitude(tile.of[i], c));
        top = max(top, __shfl_xor_sync(0xFFFFFFFFu, top, 16));
        if ((threadIdx.x & 31) < 16) shared[warp][place + c] = top;
    }
    __syncthreads();
#pragma unroll
    for (int c = 0; c < 8; c++)
    {
        unsigned top = 0;
#pragma unroll
        for (int w = 0; w < 8; w++) top = max(top, shared[w][place + c]);
        of_columns[c] = top;
    }
}

// Writes a tile as it lies, rows `stride` numbers apart, and transposed; either may be null. words: 128 x 32.
template <bool Wide>
__device__ __forceinline__ void write(
    const Tile& tile, const float* by_row, const float* by_column, unsigned char* straight, int64 stride, unsigned char* transposed, int64 padded, unsigned* words)
{
    if (straight)
    {
#pragma unroll
        for (int i = 0; i < 8; i++)
        {
            if (tile.has(i)) *reinterpret_cast<uint2*>(straight + tile.row(i) * stride + tile.column) = to_eighths<Wide>(tile.of[i], by_row[i]);
        }
    }

    if (!transposed) return;
    __syncthreads(); // the words of a tile before were read
    // Four rows of a column are a word; words change places so that no two lanes meet in a bank.
#pragma unroll
    for (int c = 0; c < 8; c++)
    {
        const int place = (threadIdx.x & 15) * 8 + c;
        const float scale = by_column[c];
#pragma unroll
        for (int half = 0; half < 2; half++)
        {
            const Eight* of = tile.of + 4 * half;
            const unsigned four = two<Wide>(number(of[0], c) * scale, number(of[1], c) * scale) | two<Wide>(number(of[2], c) * scale, number(of[3], c) * scale) << 16;
            words[place * 32 + ((half * 16 + tile.part) ^ ((place >> 3) * 2))] = four;
        }
    }
    __syncthreads();
    const int lane = threadIdx.x & 31;
    const int64 row = tile.first_row + lane * 4;
    for (int place = threadIdx.x >> 5; place < 128; place += 8)
    {
        if (row < padded && tile.first_column + place < tile.columns)
            *reinterpret_cast<unsigned*>(transposed + (int64)(tile.first_column + place) * padded + row) = words[place * 32 + (lane ^ ((place >> 3) * 2))];
    }
}

// straight and transposed may be null; so then are their scales. maxima: by tensor [1], by row [rows + columns], else none.
template <int Kind, bool Wide>
__device__ __forceinline__ void cast(
    const bf16* x, const unsigned* maxima, unsigned char* straight, float* straight_scales, unsigned char* transposed, float* transposed_scales,
    int64 rows, int columns, int64 padded)
{
    __shared__ unsigned words[128 * 32];
    __shared__ unsigned parts[Kind >= BY_BLOCK ? 8 : 1][128];
    const Tile tile(x, rows, columns);
    float by_row[8], by_column[8];
    if (Kind == BY_TENSOR)
    {
        const float inverse = inverse_of<Wide>(maxima[0]);
#pragma unroll
        for (int i = 0; i < 8; i++) by_row[i] = by_column[i] = inverse;
        if (blockIdx.x == 0 && threadIdx.x == 0)
        {
            if (straight) straight_scales[0] = 1.0f / inverse;
            if (transposed) transposed_scales[0] = 1.0f / inverse;
        }
    }
    else if (Kind == BY_ROW)
    {
#pragma unroll
        for (int i = 0; i < 8; i++)
        {
            const int64 row = tile.row(i);
            by_row[i] = row < rows ? inverse_of<Wide>(maxima[row]) : 0.0f;
            by_column[i] = tile.inside ? inverse_of<Wide>(maxima[rows + tile.column + i]) : 0.0f;
            if (straight && row < rows && tile.column == 0) straight_scales[row] = 1.0f / by_row[i];
            if (transposed && tile.inside && tile.first_row == 0 && tile.part == 0) transposed_scales[tile.column + i] = 1.0f / by_column[i];
        }
    }
    else
    {
        unsigned of_rows[8], of_columns[8];
        over_columns(tile, of_rows);
        over_rows(tile, of_columns, parts);
        if (Kind == BY_SQUARE)
        {
            unsigned top = 0;
#pragma unroll
            for (int w = 0; w < 8; w++)
            {
#pragma unroll
                for (int c = 0; c < 4; c++) top = max(top, parts[w][(threadIdx.x & 31) + 32 * c]);
            }
#pragma unroll
            for (int offset = 16; offset > 0; offset >>= 1) top = max(top, __shfl_xor_sync(0xFFFFFFFFu, top, offset));
#pragma unroll
            for (int i = 0; i < 8; i++) of_rows[i] = of_columns[i] = top;
        }
#pragma unroll
        for (int i = 0; i < 8; i++)
        {
            const int64 row = tile.row(i);
            by_row[i] = inverse_of<Wide>(of_rows[i]);
            by_column[i] = inverse_of<Wide>(of_columns[i]);
            if (straight && row < rows && (threadIdx.x & 15) == 0) straight_scales[(int64)(tile.first_column / 128) * rows + row] = 1.0f / by_row[i];
            if (transposed && tile.inside && tile.part == 0) transposed_scales[(tile.first_row / 128) * columns + tile.column + i] = 1.0f / by_column[i];
        }
    }

    write<Wide>(tile, by_row, by_column, straight, columns, transposed, padded, words);
}

#define CAST(name, kind, wide) \
    extern "C" __global__ void name(const bf16* x, const unsigned* maxima, unsigned char* straight, float* straight_scales, \
        unsigned char* transposed, float* transposed_scales, int64 rows, int columns, int64 padded) \
    { cast<kind, wide>(x, maxima, straight, straight_scales, transposed, transposed_scales, rows, columns, padded); }

CAST(fp8_tensor_e4m3, BY_TENSOR, false)
CAST(fp8_tensor_e5m2, BY_TENSOR, true)
CAST(fp8_row_e4m3, BY_ROW, false)
CAST(fp8_row_e5m2, BY_ROW, true)
CAST(fp8_block_e4m3, BY_BLOCK, false)
CAST(fp8_block_e5m2, BY_BLOCK, true)
CAST(fp8_square_e4m3, BY_SQUARE, false)
CAST(fp8_square_e5m2, BY_SQUARE, true)

// The bits of the largest absolute value.
extern "C" __global__ void fp8_maximum(const bf16* x, int64 count, unsigned* maximum)
{
    unsigned top = 0;
    for (int64 index = ((int64)blockIdx.x * blockDim.x + threadIdx.x) * 8; index < count; index += (int64)gridDim.x * blockDim.x * 8)
    {
        top = largest_of(*reinterpret_cast<const Eight*>(x + index), top);
    }
    raise(maximum, top);
}

// Those of each row, and behind them those of each column.
extern "C" __global__ void fp8_maxima(const bf16* x, int64 rows, int columns, unsigned* maxima)
{
    __shared__ unsigned parts[8][128];
    const Tile tile(x, rows, columns);
    unsigned of_rows[8], of_columns[8];
    over_columns(tile, of_rows);
    over_rows(tile, of_columns, parts);
#pragma unroll
    for (int i = 0; i < 8; i++)
    {
        if ((threadIdx.x & 15) == 0 && tile.row(i) < rows) atomicMax(maxima + tile.row(i), of_rows[i]);
        if (tile.part == 0 && tile.inside) atomicMax(maxima + rows + tile.column + i, of_columns[i]);
    }
}

// RMS norm of rows whose inverses are known, to fp8: rounded as norm_forward stores it, then with one scale for all.
extern "C" __global__ void fp8_norm(
    const bf16* x, const float* inverse, const bf16* weight, const unsigned* maximum, unsigned char* straight, float* straight_scale, unsigned char* transposed,
    float* transposed_scale, int64 rows, int columns, int64 padded)
{
    __shared__ unsigned words[128 * 32];
    Tile tile(x, rows, columns);
    const Eight weights = tile.inside ? *reinterpret_cast<const Eight*>(weight + tile.column) : Eight{{0, 0, 0, 0}};
    const float scale = inverse_of<false>(maximum[0]);
    float scales[8];
#pragma unroll
    for (int i = 0; i < 8; i++)
    {
        scales[i] = scale;
        if (!tile.has(i)) continue;
        const float of_row = inverse[tile.row(i)];
#pragma unroll
        for (int c = 0; c < 4; c++)
        {
            tile.of[i].word[c] = narrow_two(
                rounded(number(tile.of[i], 2 * c) * of_row) * number(weights, 2 * c), rounded(number(tile.of[i], 2 * c + 1) * of_row) * number(weights, 2 * c + 1));
        }
    }
    if (blockIdx.x == 0 && threadIdx.x == 0)
    {
        if (straight) straight_scale[0] = 1.0f / scale;
        if (transposed) transposed_scale[0] = 1.0f / scale;
    }
    write<false>(tile, scales, scales, straight, columns, transposed, padded, words);
}

// How the outputs of gate and up come: in bf16, in bf16 but counted as they would be held, or held in fp8, 128 neighbours with a scale.
enum { PLAIN, AS_HELD, HELD };

// Numbers of sixteen lanes as e4m3 holds them.
__device__ __forceinline__ Eight as_held(const Eight& eight)
{
    const float inverse = inverse_of<false>(largest_of_block(eight));
    return from_eighths(to_eighths<false>(eight, inverse), 1.0f / inverse);
}

// both: [rows, 2 width] bf16 or e4m3; scales: [2 width / 128, rows] where they are held.
template <int From>
__device__ __forceinline__ void gate_and_up(const void* both, const float* scales, int64 rows, int64 row, int width, int column, Eight& g, Eight& u)
{
    const int64 place = row * 2 * width + column;
    if (From == HELD)
    {
        const unsigned char* held = (const unsigned char*)both + place;
        g = from_eighths(*reinterpret_cast<const uint2*>(held), scales[column / 128 * rows + row]);
        u = from_eighths(*reinterpret_cast<const uint2*>(held + width), scales[(width + column) / 128 * rows + row]);
        return;
    }
    g = *reinterpret_cast<const Eight*>((const bf16*)both + place);
    u = *reinterpret_cast<const Eight*>((const bf16*)both + place + width);
    if (From == AS_HELD)
    {
        g = as_held(g);
        u = as_held(u);
    }
}

// gate_forward, which also writes gate and up as they are held; width a multiple of 128.
extern "C" __global__ void fp8_gate_hold(
    const bf16* both, bf16* output, unsigned char* held, float* scales, int64 rows, int width, unsigned* maximum)
{
    unsigned top = 0;
    for (int64 index = ((int64)blockIdx.x * blockDim.x + threadIdx.x) * 8; index < rows * width; index += (int64)gridDim.x * blockDim.x * 8)
    {
        const int64 row = index / width;
        const int column = (int)(index - row * width);
        Eight sides[2], product;
        gate_and_up<PLAIN>(both, nullptr, rows, row, width, column, sides[0], sides[1]);
#pragma unroll
        for (int i = 0; i < 4; i++)
        {
            product.word[i] = narrow_two(
                gated(number(sides[0], 2 * i), number(sides[1], 2 * i)), gated(number(sides[0], 2 * i + 1), number(sides[1], 2 * i + 1)));
        }
        *reinterpret_cast<Eight*>(output + index) = product;
        top = largest_of(product, top);
#pragma unroll
        for (int side = 0; side < 2; side++)
        {
            const int place = side * width + column;
            const float inverse = inverse_of<false>(largest_of_block(sides[side]));
            *reinterpret_cast<uint2*>(held + row * 2 * width + place) = to_eighths<false>(sides[side], inverse);
            if ((threadIdx.x & 15) == 0) scales[place / 128 * rows + row] = 1.0f / inverse;
        }
    }
    raise(maximum, top);
}

// differentiate_gate on eight numbers of each, rounded as gate_backward stores them.
__device__ __forceinline__ void differentiate(Eight& d, Eight& g, Eight& u)
{
#pragma unroll
    for (int i = 0; i < 4; i++)
    {
        float d0 = low(d.word[i]), g0 = low(g.word[i]), u0 = low(u.word[i]), d1 = high(d.word[i]), g1 = high(g.word[i]), u1 = high(u.word[i]);
        differentiate_gate(d0, g0, u0);
        differentiate_gate(d1, g1, u1);
        d.word[i] = narrow_two(d0, d1);
        g.word[i] = narrow_two(g0, g1);
        u.word[i] = narrow_two(u0, u1);
    }
}

// The largest of the gate's output and of the gradients of gate and up, without writing them.
template <int From>
__device__ __forceinline__ void gate_maxima(const bf16* gradient, const void* both, const float* scales, int64 rows, int width, unsigned* maxima)
{
    unsigned of_product = 0, of_gradients = 0;
    for (int64 row = blockIdx.x; row < rows; row += gridDim.x)
    {
        for (int column = threadIdx.x * 8; column < width; column += blockDim.x * 8)
        {
            Eight d = *reinterpret_cast<const Eight*>(gradient + row * width + column), g, u;
            gate_and_up<From>(both, scales, rows, row, width, column, g, u);
            differentiate(d, g, u);
            of_product = largest_of(d, of_product);
            of_gradients = largest_of(u, largest_of(g, of_gradients));
        }
    }
    raise(maxima, of_product);
    raise(maxima + 1, of_gradients);
}

// The gate's backward to fp8: its output transposed, and the gradients of gate and up, [rows, 2 width] and [2 width, padded].
// product and transposed may be null; so then are their scales.
template <int From, bool Wide>
__device__ __forceinline__ void gate(
    const bf16* gradient, const void* both, const float* scales, const unsigned* maxima, unsigned char* product, float* product_scale, unsigned char* straight,
    float* straight_scale, unsigned char* transposed, float* transposed_scale, int64 rows, int width, int64 padded)
{
    __shared__ unsigned words[128 * 32];
    Tile d(gradient, rows, width), g(rows, width), u(rows, width);
    const float inverse = inverse_of<false>(maxima[0]), wide_inverse = inverse_of<Wide>(maxima[1]);
    float of_product[8], of_gradients[8];
    // All that is read is asked for before anything is computed.
#pragma unroll
    for (int i = 0; i < 8; i++)
    {
        if (d.has(i)) gate_and_up<From == AS_HELD ? PLAIN : From>(both, scales, rows, d.row(i), width, d.column, g.of[i], u.of[i]);
    }
#pragma unroll
    for (int i = 0; i < 8; i++)
    {
        if (From == AS_HELD)
        {
            g.of[i] = as_held(g.of[i]);
            u.of[i] = as_held(u.of[i]);
        }
        differentiate(d.of[i], g.of[i], u.of[i]);
        of_product[i] = inverse;
        of_gradients[i] = wide_inverse;
    }
    if (blockIdx.x == 0 && threadIdx.x == 0)
    {
        if (product) product_scale[0] = 1.0f / inverse;
        straight_scale[0] = 1.0f / wide_inverse;
        if (transposed) transposed_scale[0] = 1.0f / wide_inverse;
    }
    write<false>(d, of_product, of_product, nullptr, 0, product, padded, words);
    write<Wide>(g, of_gradients, of_gradients, straight, 2 * (int64)width, transposed, padded, words);
    write<Wide>(u, of_gradients, of_gradients, straight + width, 2 * (int64)width, transposed ? transposed + (int64)width * padded : nullptr, padded, words);
}

#define GATE(name, from, wide) \
    extern "C" __global__ void __launch_bounds__(256, 2) name(const bf16* gradient, const void* both, const float* scales, const unsigned* maxima, unsigned char* product, \
        float* product_scale, unsigned char* straight, float* straight_scale, unsigned char* transposed, float* transposed_scale, int64 rows, int width, int64 padded) \
    { gate<from, wide>(gradient, both, scales, maxima, product, product_scale, straight, straight_scale, transposed, transposed_scale, rows, width, padded); }

#define GATES(suffix, from) \
    extern "C" __global__ void fp8_gate_maxima_##suffix(const bf16* gradient, const void* both, const float* scales, int64 rows, int width, unsigned* maxima) \
    { gate_maxima<from>(gradient, both, scales, rows, width, maxima); } \
    GATE(fp8_gate_e4m3_##suffix, from, false) \
    GATE(fp8_gate_e5m2_##suffix, from, true)

GATES(plain, PLAIN)
GATES(as_held, AS_HELD)
GATES(held, HELD)
