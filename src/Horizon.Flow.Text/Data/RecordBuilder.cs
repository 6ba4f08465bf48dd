using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Horizon.Flow.Text.Data;

/// <summary>
/// Builds something of each record: records come in chunks, several of which are built at a time, and what they become is taken in order. What is in
/// hand is bounded, however many records there are. Bad ones are left out and counted; where they are more than is allowed, all are refused.
/// </summary>
/// <param name="maxBadShare">The share of the records that may be bad.</param>
/// <param name="take">Takes what records become, in order.</param>
/// <param name="isTaken">Some more are taken.</param>
internal sealed class RecordBuilder<T>(double maxBadShare, Action<T> take, Action isTaken)
{
    private const int RecordsAtOnce = 512;
    private const int CharactersAtOnce = 1 << 16;

    /// <summary>Bad records beyond the share that is allowed, from which on the rest is not read: it would only take longer to refuse.</summary>
    private const int Patience = 100;

    private readonly Queue<(Task<Built> Work, long Characters)> _ahead = new();
    private readonly int _chunksAhead = Environment.ProcessorCount * 2;
    private long _charactersAhead;
    private BadRecordException? _firstBad;

    /// <summary>Records that were taken, the bad ones too.</summary>
    public long Records { get; private set; }

    /// <summary>Those of them that are bad.</summary>
    public int BadRecords { get; private set; }

    /// <summary>What is said of the bad ones; null where there are none.</summary>
    public string? Bad => _firstBad is null
        ? null
        : string.Create(CultureInfo.InvariantCulture, $"{BadRecords:N0} of {Records:N0} records are bad and left out; the first: {_firstBad.Message}");

    /// <summary>Cuts records into chunks of a good size.</summary>
    public static IEnumerable<List<RawRecord>> Chunks(IEnumerable<RawRecord> records)
    {
        var (chunk, characters) = (new List<RawRecord>(), 0L);
        foreach (var record in records)
        {
            chunk.Add(record);
            characters += Characters(record);
            if (chunk.Count < RecordsAtOnce && characters < CharactersAtOnce) continue;
            yield return chunk;
            (chunk, characters) = ([], 0);
        }

        if (chunk.Count > 0) yield return chunk;
    }

    /// <summary>Begins to build a chunk, once there is room for it.</summary>
    /// <param name="records">The chunk.</param>
    /// <param name="build">What a record becomes; called on several threads.</param>
    /// <exception cref="HorizonException">An earlier chunk cannot be had, or too many records are bad.</exception>
    public void Send(List<RawRecord> records, Func<RawRecord, T> build)
    {
        var characters = records.Sum(Characters);
        while (_ahead.Count > 0 && (_ahead.Count >= _chunksAhead || _charactersAhead + characters > (long)_chunksAhead * CharactersAtOnce)) TakeNext();
        _charactersAhead += characters;
        _ahead.Enqueue((Task.Run(() => Build(records, build)), characters));
    }

    /// <summary>Takes all that was sent.</summary>
    /// <exception cref="HorizonException">A chunk cannot be had, or too many records are bad.</exception>
    public void TakeAll()
    {
        while (_ahead.Count > 0) TakeNext();
    }

    /// <summary>Takes one that was built elsewhere.</summary>
    public void TakeBuilt(T built)
    {
        take(built);
        isTaken();
        Records++;
    }

    /// <summary>Counts one that could not be built elsewhere.</summary>
    /// <exception cref="HorizonException">Too many records are bad.</exception>
    public void TakeBad(BadRecordException bad)
    {
        Records++;
        BadRecords++;
        _firstBad ??= bad;
        RequireGood(Patience);
    }

    /// <summary>Refuses more bad records than are allowed, now that all are read.</summary>
    /// <exception cref="HorizonException">There are more; names the first.</exception>
    public void RequireGood() => RequireGood(patience: 0);

    /// <summary>Waits for what is being built, so that nothing goes on behind the back of who reads an error.</summary>
    public void Wait() => Task.WaitAll([.. _ahead.Select(chunk => (Task)chunk.Work)]);

    private static long Characters(RawRecord record) =>
        record.Json?.Length ?? (record.Element.ValueKind == JsonValueKind.Undefined ? 0 : JsonMarshal.GetRawUtf8Value(record.Element).Length);

    private static Built Build(List<RawRecord> records, Func<RawRecord, T> build)
    {
        var built = new Built(records.Count, [], []);
        foreach (var record in records)
        {
            try
            {
                built.Items.Add(build(record));
            }
            catch (Exception e) when (e is BadRecordException or HorizonException)
            {
                built.Errors.Add(e);
                if (e is HorizonException) break;
            }
        }

        return built;
    }

    /// <summary>Takes the chunk that was sent first; of several errors the first record's is the one reported.</summary>
    private void TakeNext()
    {
        var (work, characters) = _ahead.Peek();
        var built = work.GetAwaiter().GetResult();
        _ahead.Dequeue();
        _charactersAhead -= characters;
        if (built.Errors.Find(e => e is HorizonException) is HorizonException fatal) throw new HorizonException(fatal.Message, fatal);
        Records += built.Records;
        BadRecords += built.Errors.Count;
        _firstBad ??= (BadRecordException?)built.Errors.FirstOrDefault();
        foreach (var item in built.Items) take(item);
        isTaken();
        RequireGood(Patience);
    }

    private void RequireGood(int patience)
    {
        if (_firstBad is null || BadRecords <= patience + (maxBadShare * Records)) return;
        throw BadRecords == 1 && Records == 1 ? _firstBad.ToError() : new HorizonException(string.Create(
            CultureInfo.InvariantCulture,
            $"{_firstBad.Message.TrimEnd('.')} ({BadRecords:N0} of {Records:N0} records read are bad, more than data.max_bad_share allows, which is {maxBadShare})."),
            _firstBad);
    }

    /// <summary>What a chunk of records became.</summary>
    private sealed record Built(int Records, List<T> Items, List<Exception> Errors);
}
