namespace Horizon.Flow.Graph;

/// <summary>
/// Runs a stage's body for one message: measures it, and turns every exception into a <see cref="StageException"/>. Dataflow would
/// silently drop the message of an <see cref="OperationCanceledException"/>, which in training is a lost gradient: unless the run
/// itself is stopping, it is a fault like any other.
/// </summary>
internal static class StageRunner
{
    public static async Task<TResult> RunAsync<TIn, TResult>(
        StageOptions options, TIn input, Func<TIn, StageCall, ValueTask<TResult>> body)
    {
        options.Cancellation.ThrowIfCancellationRequested();
        var message = input as IUnitMessage;
        var time = options.Probe?.Time ?? TimeProvider.System;
        var call = new StageCall(time, options.Probe, message, options.Cancellation);
        var start = time.GetTimestamp();
        options.Probe?.Enter(call);
        StageCall.Current = call; // until this method returns: it does not flow back to the block
        try
        {
            return await body(input, call).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (options.Cancellation.IsCancellationRequested)
        {
            throw;
        }
        catch (Exception cause)
        {
            var fault = cause as StageException ?? new StageException(options.Name, message, cause);
            options.OnFault?.Invoke(fault);
            throw fault;
        }
        finally
        {
            options.Probe?.Leave(call, start, time.GetTimestamp());
        }
    }

    public static void Stamp(StageOptions options, object? output)
    {
        if (output is IUnitMessage message) message.ReadyTimestamp = (options.Probe?.Time ?? TimeProvider.System).GetTimestamp();
    }
}
