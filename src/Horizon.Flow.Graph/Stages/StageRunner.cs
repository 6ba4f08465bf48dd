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
        var (call, start) = Begin(options, input);
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
            throw Report(options, input, cause);
        }
        finally
        {
            End(options, call, start);
        }
    }

    /// <summary>The same for a body that waits for nothing, with no task made for it.</summary>
    public static TResult Run<TIn, TResult>(StageOptions options, TIn input, Func<TIn, TResult> body)
    {
        var (call, start) = Begin(options, input);
        try
        {
            return body(input);
        }
        catch (OperationCanceledException) when (options.Cancellation.IsCancellationRequested)
        {
            throw;
        }
        catch (Exception cause)
        {
            throw Report(options, input, cause);
        }
        finally
        {
            StageCall.Current = null;
            End(options, call, start);
        }
    }

    public static void Stamp(StageOptions options, object? output)
    {
        if (output is IUnitMessage message) message.ReadyTimestamp = (options.Probe?.Time ?? TimeProvider.System).GetTimestamp();
    }

    // The current call is that of the body until the method that began it returns: it does not flow back to the block.
    private static (StageCall Call, long Start) Begin(StageOptions options, object? input)
    {
        options.Cancellation.ThrowIfCancellationRequested();
        var time = options.Probe?.Time ?? TimeProvider.System;
        var call = new StageCall(time, options.Probe, input as IUnitMessage, options.Cancellation);
        var start = time.GetTimestamp();
        options.Probe?.Enter(call);
        StageCall.Current = call;
        return (call, start);
    }

    private static StageException Report(StageOptions options, object? input, Exception cause)
    {
        var fault = cause as StageException ?? new StageException(options.Name, input as IUnitMessage, cause);
        options.OnFault?.Invoke(fault);
        return fault;
    }

    private static void End(StageOptions options, StageCall call, long start) =>
        options.Probe?.Leave(call, start, (options.Probe?.Time ?? TimeProvider.System).GetTimestamp());
}
