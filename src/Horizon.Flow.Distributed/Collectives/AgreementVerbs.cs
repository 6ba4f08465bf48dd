using System.Text.Json;
using System.Text.Json.Serialization;

namespace Horizon.Flow.Distributed;

/// <summary>What ranks decide together.</summary>
public static class AgreementVerbs
{
    private static readonly JsonSerializerOptions Json = new() { NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals };

    /// <summary>Every rank does something and tells all what came of it. Where it fails on one, it has failed on all.</summary>
    /// <typeparam name="T">Something that JSON keeps.</typeparam>
    /// <param name="collectives">This rank's side.</param>
    /// <param name="line">See <see cref="ICollectives.ExchangeAsync"/>.</param>
    /// <param name="body">What this rank does.</param>
    /// <returns>[Count]: what each has, by rank.</returns>
    /// <exception cref="HorizonException">It failed here; or on another rank, which is named.</exception>
    public static async Task<IReadOnlyList<T>> ShareAsync<T>(this ICollectives collectives, string line, Func<Task<T>> body)
    {
        ArgumentNullException.ThrowIfNull(collectives);
        ArgumentNullException.ThrowIfNull(body);
        HorizonException? failure = null;
        var own = new Outcome<T>(null, default);
        try
        {
            own = new Outcome<T>(null, await body().ConfigureAwait(false));
        }
        catch (HorizonException error)
        {
            failure = error;
            own = new Outcome<T>(error.Message, default);
        }

        var all = (await collectives.ExchangeAsync(line, JsonSerializer.SerializeToUtf8Bytes(own, Json)).ConfigureAwait(false)).Select(bytes => JsonSerializer.Deserialize<Outcome<T>>(bytes, Json)!).ToArray();
        if (failure is not null) throw failure;
        var bad = Array.FindIndex(all, one => one.Failure is not null);
        return bad < 0 ? [.. all.Select(one => one.Value!)] : throw new HorizonException($"rank {bad}: {all[bad].Failure}");
    }

    /// <summary>Lets rank 0 do something that is done once, and tells all what came of it.</summary>
    /// <typeparam name="T">Something that JSON keeps.</typeparam>
    /// <param name="collectives">This rank's side; null where there is one.</param>
    /// <param name="line">See <see cref="ICollectives.ExchangeAsync"/>.</param>
    /// <param name="body">Called in rank 0 alone.</param>
    /// <exception cref="HorizonException">It failed, in words; on every rank.</exception>
    public static async Task<T> FirstAsync<T>(this ICollectives? collectives, string line, Func<Task<T>> body)
    {
        ArgumentNullException.ThrowIfNull(body);
        return collectives is null ? await body().ConfigureAwait(false)
            : (await collectives.ShareAsync(line, () => collectives.Rank == 0 ? body() : Task.FromResult<T>(default!)).ConfigureAwait(false))[0];
    }

    /// <summary>Whether it is so on any rank.</summary>
    /// <param name="collectives">This rank's side; null where there is one.</param>
    /// <param name="line">See <see cref="ICollectives.ExchangeAsync"/>.</param>
    /// <param name="own">Whether it is so here.</param>
    public static async Task<bool> AnyAsync(this ICollectives? collectives, string line, bool own) =>
        collectives is null ? own : (await collectives.ExchangeAsync(line, [own ? (byte)1 : (byte)0]).ConfigureAwait(false)).Any(one => one[0] != 0);

    private sealed record Outcome<T>(string? Failure, T? Value);
}
