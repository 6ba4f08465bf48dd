using System.Text.Json;
using Horizon.Flow.Host.Checkpoints;

namespace Horizon.Flow.Distributed;

/// <summary>One rank's part of a checkpoint. Each draft meets those of the other ranks once, whatever becomes of it: where one has failed, all have.</summary>
internal sealed class RankCheckpointDraft(ICheckpointSliceDraft? own, HorizonException? refused, string path, CheckpointContents whole, Func<int, IReadOnlyList<int>> order, ICollectives collectives) : ICheckpointDraft
{
    private const string Line = "checkpoint";

    private HorizonException? _failed = refused;
    private bool _met;

    public async Task WriteUnitAsync(int unit, UnitImage image, CancellationToken cancellationToken)
    {
        if (_failed is not null) throw _failed;
        try
        {
            await own!.WriteUnitAsync(unit, image, cancellationToken).ConfigureAwait(false);
        }
        catch (HorizonException error)
        {
            _failed = error;
            throw;
        }
    }

    public async Task<string> CommitAsync(CheckpointManifest manifest, CancellationToken cancellationToken)
    {
        IReadOnlyList<CheckpointFile> files = [];
        try
        {
            if (_failed is null) files = await own!.FinishAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (HorizonException error)
        {
            _failed = error;
        }

        var all = await MeetAsync(files, cancellationToken).ConfigureAwait(false);
        if (collectives.Rank == 0)
        {
            try
            {
                await own!.CommitAsync(manifest.InSlices(whole, all, order), cancellationToken).ConfigureAwait(false);
            }
            catch (HorizonException error)
            {
                _failed = error;
            }
        }

        await MeetAsync([], cancellationToken).ConfigureAwait(false);
        return path;
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            if (!_met)
            {
                _failed ??= new HorizonException("its run ended before the checkpoint was complete");
                await MeetAsync([], CancellationToken.None).ConfigureAwait(false);
            }
        }
        catch (HorizonException)
        {
            // What went wrong was thrown where it did, or ended the ranks.
        }

        if (own is not null) await own.DisposeAsync().ConfigureAwait(false);
    }

    private async Task<IReadOnlyList<CheckpointFile>[]> MeetAsync(IReadOnlyList<CheckpointFile> files, CancellationToken cancellationToken)
    {
        var brought = JsonSerializer.SerializeToUtf8Bytes(new Part(_failed?.Message, files));
        _met = true;
        var all = (await collectives.ExchangeAsync(Line, brought, cancellationToken).ConfigureAwait(false)).Select(bytes => JsonSerializer.Deserialize<Part>(bytes)!).ToArray();
        if (_failed is not null) throw _failed;
        var bad = Array.FindIndex(all, part => part.Failure is not null);
        return bad < 0 ? [.. all.Select(part => part.Files)] : throw new HorizonException($"rank {bad}: {all[bad].Failure}");
    }

    private sealed record Part(string? Failure, IReadOnlyList<CheckpointFile> Files);
}
