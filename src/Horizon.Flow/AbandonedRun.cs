namespace Horizon.Flow;

/// <summary>
/// The end of a run with stages that would not end. Their threads may still read and write what their messages hold, so nothing of it is freed
/// or used again: it is left to the process, and the store is refused from then on.
/// </summary>
internal static class AbandonedRun
{
    /// <summary>Leaves what may still be in use, and frees the rest.</summary>
    /// <param name="context">What the stages had.</param>
    /// <param name="unended">The stages.</param>
    /// <param name="timeout">How long each of the rest may take to be freed; what takes longer is left too.</param>
    /// <param name="time">The clock.</param>
    /// <returns>How many leases were out.</returns>
    public static async Task<int> LeaveAsync(TrainingContext context, IReadOnlyList<string> unended, TimeSpan timeout, TimeProvider time)
    {
        context.Store.Abandon($"{string.Join(", ", unended.Select(name => $"stage '{name}'"))} of a run did not end and may still change them; start the program anew");
        context.Store.EndRun();
        var left = 0;
        var idle = new List<IDisposable>();
        foreach (var pool in context.Pools)
        {
            if (pool.Outstanding == 0) idle.Add(pool);
            else left += pool.Abandon();
        }

        // A buffer waits for the device's last work on it, which may not end either.
        if (!await EndsAsync(Task.Run(() => idle.ForEach(pool => pool.Dispose())), timeout, time).ConfigureAwait(false)
            || !await EndsAsync(context.Device.Lane.RunAsync(() => { }), timeout, time).ConfigureAwait(false)) context.Device.Lane.Abandon();
        return left;
    }

    private static async Task<bool> EndsAsync(Task work, TimeSpan timeout, TimeProvider time)
    {
        try
        {
            await work.WaitAsync(timeout, time).ConfigureAwait(false);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }
}
