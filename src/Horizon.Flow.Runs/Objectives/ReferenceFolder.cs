using System.Globalization;
using System.IO.Hashing;
using System.Text;
using Horizon.Flow.Alignment;
using Horizon.Flow.Devices;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Runs.Blueprint;
using Horizon.Flow.Text.Batches;

namespace Horizon.Flow.Runs.Objectives;

/// <summary>
/// What the untouched model says of a data set, kept in a folder under the content of both: a run that resumes, and another run with the same model and data,
/// find it there. Whoever computes it anew gets the same bits, since the layout of the micro-batches is part of the name.
/// </summary>
internal sealed class ReferenceFolder
{
    private const string Extension = ".reference";
    private const int Together = 8;

    private static readonly TimeSpan LongestUnused = TimeSpan.FromDays(30);

    private readonly string? _folder;
    private readonly string _layout;

    private readonly bool _keeps;

    /// <param name="blueprint">The run.</param>
    /// <param name="weights">What tells the untouched weights from others, see <see cref="StoreContent"/>.</param>
    /// <param name="device">Where it computes: a GPU has other last bits than a CPU.</param>
    public ReferenceFolder(RunBlueprint blueprint, string weights, IComputeDevice device)
    {
        (Weights, _keeps) = (weights, blueprint.Ranks is null or { Rank: 0 });
        var configuration = blueprint.Configuration;
        _folder = configuration.Data.CacheFolder is { } cache ? Path.Combine(cache, "reference") : null;
        _layout = string.Create(
            CultureInfo.InvariantCulture,
            $"{Weights} {device.TorchDevice.type} {configuration.Training.BatchSize} {configuration.Training.Seed} {configuration.Data.Shuffle}");
    }

    /// <summary>Hexadecimal digits of the weights: the reference is what they are.</summary>
    public string Weights { get; }

    /// <summary>What was kept for a data set; null where nothing whole is there.</summary>
    public ReferenceLogProbabilities? Find(IBatchSource source, Action<string> notice)
    {
        if (PathOf(source) is not { } path || !File.Exists(path)) return null;
        try
        {
            var found = ReferenceLogProbabilities.Load(path);
            File.SetLastWriteTimeUtc(path, TimeProvider.System.GetUtcNow().UtcDateTime);
            return found;
        }
        catch (Exception error) when (error is HorizonException or IOException or UnauthorizedAccessException)
        {
            notice($"the reference's log-probabilities are computed anew: {error.Message.TrimEnd('.')}");
            return null;
        }
    }

    /// <summary>Streams the store as it is, and keeps what it says. Of several ranks each computes all of it, with the units of all.</summary>
    public async Task<ReferenceLogProbabilities> ComputeAsync(
        TrainingPlan plan, ParameterStore store, IComputeDevice device, IBatchSource source, Action<string> notice, CancellationToken cancellation)
    {
        var started = TimeProvider.System.GetTimestamp();
        var reference = new ReferenceLogProbabilities();
        var run = plan.Start(store, device);
        await using (run.ConfigureAwait(false))
        {
            var batches = Enumerable.Range(0, source.MicroBatchesPerEpoch(0)).Select(index =>
            {
                cancellation.ThrowIfCancellationRequested();
                return source.GetMicroBatch(0, index);
            });
            await reference.AddAsync(run, batches, Math.Min(Together, plan.Model.Hidden.Count), CancellationToken.None).ConfigureAwait(false);
        }

        notice(string.Create(
            CultureInfo.InvariantCulture,
            $"the reference's log-probabilities of {reference.Count:N0} sequences were computed in {TimeProvider.System.GetElapsedTime(started).TotalSeconds:0.0} s"));
        if (_keeps) Keep(reference, PathOf(source), notice);
        return reference;
    }

    private static void Keep(ReferenceLogProbabilities reference, string? path, Action<string> notice)
    {
        if (path is null) return;
        try
        {
            var folder = Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            var now = TimeProvider.System.GetUtcNow().UtcDateTime;
            foreach (var old in folder.EnumerateFiles($"*{Extension}*").Where(file => now - file.LastWriteTimeUtc > LongestUnused)) old.Delete();
            reference.Save(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            notice($"the reference's log-probabilities cannot be kept, so the next start computes them again: {error.Message.TrimEnd('.')}; set data.cache to another folder");
        }
    }

    private string? PathOf(IBatchSource source) => _folder is null ? null
        : Path.Combine(_folder, Convert.ToHexStringLower(XxHash128.Hash(Encoding.UTF8.GetBytes($"{_layout} {source.Fingerprint}"))) + Extension);
}
