using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;

namespace Horizon.Flow.Host.Workers;

/// <summary>
/// A fixed team of threads that sweep flat buffers in chunks. Chunk boundaries depend on the length alone, so results do
/// not depend on the thread count. One sweep runs at a time; callers on several threads take turns.
/// </summary>
public sealed unsafe class HostWorkers : IDisposable
{
    /// <summary>Elements of one chunk.</summary>
    public const int ChunkElements = 65536;

    [ThreadStatic]
    private static HostWorkers? _teamOfThisThread;

    private readonly object _turn = new();
    private readonly object _signal = new();
    private readonly Thread[] _team;
    private readonly ChunkQueue[] _queues;

    // The sweep under way. Written under _signal before the team wakes, read by the team until _working is 0 again.
    private delegate*<HostWorkers, int, void> _sweep;
    private void* _kernel;
    private long _count;
    private int _chunkElements;
    private long _sweeps;
    private int _working;
    private ExceptionDispatchInfo? _fault;
    private bool _disposed;

    /// <summary>Starts the team.</summary>
    /// <param name="threads">At least 1; the processor count by default.</param>
    /// <param name="placement">Where the threads may run.</param>
    public HostWorkers(int? threads = null, WorkerPlacement placement = WorkerPlacement.Nodes)
        : this(threads ?? Environment.ProcessorCount, placement, CpuTopology.Read())
    {
    }

    /// <summary>Starts the team on a machine of this topology.</summary>
    internal HostWorkers(int threads, WorkerPlacement placement, CpuTopology topology)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        Threads = threads;
        var seats = WorkerSeat.Assign(threads, placement, topology);
        _queues = [.. Enumerable.Range(0, seats.Max(seat => seat.Queue) + 1).Select(_ => new ChunkQueue())];
        _team = Threads == 1 ? [] : [.. seats.Select((seat, index) => new Thread(() => Serve(seat))
        {
            IsBackground = true,
            Name = $"host worker {index}",
        })];
        foreach (var thread in _team) thread.Start();
    }

    /// <summary>Threads that run chunks.</summary>
    public int Threads { get; }

    /// <summary>The threads; none for a team of one, which is the caller itself.</summary>
    internal IReadOnlyList<Thread> Team => _team;

    /// <summary>
    /// Runs <paramref name="kernel"/> for each chunk of <see cref="ChunkElements"/> elements and returns when all are done.
    /// Allocates nothing.
    /// </summary>
    /// <param name="count">Elements in all.</param>
    /// <param name="kernel">Shared by all threads; what it learns it writes to memory that it points at.</param>
    /// <exception cref="ObjectDisposedException">The team was disposed.</exception>
    /// <exception cref="InvalidOperationException">Called from inside a sweep of this team.</exception>
    /// <remarks>An exception in a chunk ends the sweep, chunks not begun are left out, and the caller gets the exception.</remarks>
    public void Sweep<TKernel>(long count, in TKernel kernel)
        where TKernel : struct, ISweepKernel => Sweep(count, ChunkElements, kernel);

    /// <summary>The same with a delegate, for code that may allocate: (chunk index, first element, elements).</summary>
    public void Sweep(long count, Action<long, long, int> sweep)
    {
        ArgumentNullException.ThrowIfNull(sweep);
        Sweep(count, ChunkElements, new DelegateKernel(sweep));
    }

    /// <summary>The same with another chunk length.</summary>
    internal void Sweep<TKernel>(long count, int chunkElements, in TKernel kernel)
        where TKernel : struct, ISweepKernel
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        if (_teamOfThisThread == this)
            throw new InvalidOperationException("a chunk of a sweep must not start another sweep of the same team");
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed), this);
        var chunks = ((count - 1) / chunkElements) + 1;
        if (count == 0) return;
        if (_team.Length == 0 || chunks == 1)
        {
            RunInline(kernel, chunks, count, chunkElements);
            return;
        }

        var local = kernel;
        lock (_turn)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            for (var queue = 0; queue < _queues.Length; queue++)
                _queues[queue].Reset(chunks * queue / _queues.Length, chunks * (queue + 1) / _queues.Length);
            RunTeam(&Drain<TKernel>, Unsafe.AsPointer(ref local), count, chunkElements);
        }
    }

    /// <summary>Waits for a sweep under way and ends the threads.</summary>
    public void Dispose()
    {
        lock (_turn)
        {
            lock (_signal)
            {
                _disposed = true;
                Monitor.PulseAll(_signal);
            }
        }

        foreach (var thread in _team) thread.Join();
    }

    private void RunInline<TKernel>(in TKernel kernel, long chunks, long count, int chunkElements)
        where TKernel : struct, ISweepKernel
    {
        var outer = _teamOfThisThread;
        _teamOfThisThread = this;
        try
        {
            for (long chunk = 0; chunk < chunks; chunk++) RunChunk(kernel, chunk, count, chunkElements);
        }
        finally
        {
            _teamOfThisThread = outer;
        }
    }

    private static void RunChunk<TKernel>(in TKernel kernel, long chunk, long count, int chunkElements)
        where TKernel : struct, ISweepKernel
    {
        var first = chunk * chunkElements;
        Unsafe.AsRef(in kernel).Run(chunk, first, (int)Math.Min(chunkElements, count - first));
    }

    // _kernel points at a local variable of the caller, which waits in RunTeam: the variable neither moves nor goes away.
    private static void Drain<TKernel>(HostWorkers team, int ownQueue)
        where TKernel : struct, ISweepKernel
    {
        ref var kernel = ref Unsafe.AsRef<TKernel>(team._kernel);

        // First the chunks whose pages lie near, then those that other nodes have not begun.
        for (var offset = 0; offset < team._queues.Length; offset++)
        {
            var queue = team._queues[(ownQueue + offset) % team._queues.Length];
            while (queue.TryTake(out var chunk)) RunChunk(kernel, chunk, team._count, team._chunkElements);
        }
    }

    private void RunTeam(delegate*<HostWorkers, int, void> sweep, void* kernel, long count, int chunkElements)
    {
        ExceptionDispatchInfo? fault;
        lock (_signal)
        {
            _sweep = sweep;
            _kernel = kernel;
            _count = count;
            _chunkElements = chunkElements;
            _working = _team.Length;
            _sweeps++;
            Monitor.PulseAll(_signal);
            while (_working > 0) Monitor.Wait(_signal);
            _kernel = null;
            (fault, _fault) = (_fault, null);
        }

        fault?.Throw();
    }

    private void Serve(WorkerSeat seat)
    {
        _teamOfThisThread = this;
        seat.Take();
        for (long done = 0; AwaitSweep(ref done);)
        {
            try
            {
                _sweep(this, seat.Queue);
            }
#pragma warning disable CA1031 // It is rethrown on the caller's thread.
            catch (Exception exception)
#pragma warning restore CA1031
            {
                Interlocked.CompareExchange(ref _fault, ExceptionDispatchInfo.Capture(exception), null);
                foreach (var queue in _queues) queue.Clear();
            }

            lock (_signal)
            {
                if (--_working == 0) Monitor.PulseAll(_signal);
            }
        }
    }

    private bool AwaitSweep(ref long done)
    {
        lock (_signal)
        {
            while (_sweeps == done && !_disposed) Monitor.Wait(_signal);
            done = _sweeps;
            return !_disposed;
        }
    }

    private readonly struct DelegateKernel(Action<long, long, int> sweep) : ISweepKernel
    {
        public void Run(long chunk, long first, int count) => sweep(chunk, first, count);
    }
}
