using System.Buffers.Binary;
using Horizon.Flow.Host.Files;
using Horizon.Flow.Host.Store;
using Microsoft.Win32.SafeHandles;

namespace Horizon.Flow.Host.Safetensors;

/// <summary>
/// An open safetensors file with a checked header: 8 bytes of header length, a JSON header, the tensors' bytes
/// (https://huggingface.co/docs/safetensors). The file is untrusted; only its header is held in memory.
/// </summary>
public sealed class SafetensorsFile : IDisposable
{
    /// <summary>The longest header that is read, in bytes: the limit of the reference implementation.</summary>
    public const int LongestHeader = 100_000_000;

    private const int LengthBytes = 8;

    private readonly SafeFileHandle _handle;

    private SafetensorsFile(
        string path, SafeFileHandle handle, IReadOnlyDictionary<string, TensorInfo> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        Path = path;
        _handle = handle;
        Tensors = tensors;
        Metadata = metadata;
    }

    /// <summary>The file's path, as given.</summary>
    public string Path { get; }

    /// <summary>The tensors by name.</summary>
    public IReadOnlyDictionary<string, TensorInfo> Tensors { get; }

    /// <summary>What <c>__metadata__</c> holds; empty without one.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Opens the file, reads its header and checks that it describes the data section exactly.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="HorizonException">
    /// The file cannot be read or is damaged: truncated; a header that is too long, no UTF-8, no JSON or nested too deep; duplicate
    /// tensors; offsets out of range, overlapping or with holes; a size that contradicts shape and type.
    /// </exception>
    public static SafetensorsFile Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        SafeFileHandle? handle = null;
        try
        {
            handle = UntrustedFile.OpenHandle(path, long.MaxValue, "a safetensors file", FileOptions.Asynchronous | FileOptions.SequentialScan);
            var length = RandomAccess.GetLength(handle);
            if (length < LengthBytes) throw Damaged(path, $"it has {length} bytes");
            var header = ReadHeader(handle, path, length);
            var dataStart = LengthBytes + header.Length;
            var (tensors, metadata) = SafetensorsHeader.Parse(header, path, dataStart, length - dataStart);
            var file = new SafetensorsFile(path, handle, tensors, metadata);
            handle = null;
            return file;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            throw new HorizonException($"cannot read {path}: {error.Reason()}", error);
        }
        finally
        {
            handle?.Dispose();
        }
    }

    /// <summary>Reads one tensor into <paramref name="destination"/>, piece by piece.</summary>
    /// <exception cref="HorizonException">There is no such tensor, the destination refuses it, or the file cannot be read.</exception>
    public Task ReadAsync(string tensorName, ITensorDestination destination, CancellationToken cancellationToken = default) =>
        ReadAsync([(this[tensorName], destination)], null, cancellationToken);

    /// <summary>Reads one tensor of floats (F64, F32, F16 or BF16) as fp32, whatever the values.</summary>
    /// <param name="tensorName">The tensor.</param>
    /// <param name="destination">As many floats as the tensor has.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <exception cref="HorizonException">There is no such tensor, it does not fit, or the file cannot be read.</exception>
    public ValueTask ReadFloatsAsync(string tensorName, Memory<float> destination, CancellationToken cancellationToken = default) =>
        new(ReadAsync(tensorName, new FloatDestination(destination), cancellationToken));

    /// <summary>Reads one tensor of floats into its place in a unit's store; see <see cref="SlotDestination"/>.</summary>
    /// <exception cref="HorizonException">
    /// There is no such tensor, it does not fit or is not finite, or the file cannot be read.
    /// </exception>
    public ValueTask ReadFloatsAsync(
        string tensorName, UnitState unit, ParameterSlot slot, CancellationToken cancellationToken = default) =>
        new(ReadAsync(tensorName, new SlotDestination(unit, slot), cancellationToken));

    /// <summary>Reads tensors one after another, in the order given; memory is bounded by the pipe's buffers.</summary>
    /// <param name="work">Tensors of this file and where they go. In file order the disk streams.</param>
    /// <param name="finished">Called after each tensor.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <exception cref="HorizonException">A destination refuses a tensor, or the file cannot be read.</exception>
    public Task ReadAsync(
        IReadOnlyList<(TensorInfo Tensor, ITensorDestination Destination)> work,
        Action<TensorInfo>? finished = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(work);
        foreach (var (tensor, _) in work)
        {
            if (!Tensors.TryGetValue(tensor.Name, out var own) || !ReferenceEquals(own, tensor))
                throw new ArgumentException($"tensor {tensor.Name} is not described by {Path}", nameof(work));
        }

        return TensorPump.RunAsync(_handle, Path, work, finished, cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose() => _handle.Dispose();

    private TensorInfo this[string name] => Tensors.TryGetValue(name, out var tensor)
        ? tensor
        : throw new HorizonException($"{Path} has no tensor {name}; it has {Tensors.Keys.ToArray().Shown()}");

    private static byte[] ReadHeader(SafeFileHandle handle, string path, long fileLength)
    {
        Span<byte> prefix = stackalloc byte[LengthBytes];
        ReadExactly(handle, path, prefix, 0);
        var length = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (length > (ulong)Math.Max(0, fileLength - LengthBytes) || length > LongestHeader)
            throw Damaged(path, $"it claims a header of {length} bytes and has {fileLength} in all");
        var header = new byte[length];
        ReadExactly(handle, path, header, LengthBytes);
        return header;
    }

    private static void ReadExactly(SafeFileHandle handle, string path, Span<byte> bytes, long offset)
    {
        while (!bytes.IsEmpty)
        {
            var read = RandomAccess.Read(handle, bytes, offset);
            if (read == 0) throw Damaged(path, "it ends within its header");
            bytes = bytes[read..];
            offset += read;
        }
    }

    private static HorizonException Damaged(string path, string problem) =>
        new($"{path} is not a whole safetensors file: {problem}; copy or download it again");
}
