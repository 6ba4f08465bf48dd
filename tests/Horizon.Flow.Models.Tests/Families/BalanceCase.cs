using FsCheck;
using FsCheck.Fluent;
using Horizon.Flow.Models.Experts;

namespace Horizon.Flow.Models.Tests.Families;

/// <summary>Logits of the routers of some layers.</summary>
public sealed record BalanceCase(int Layers, int Tokens, int Experts, int PerToken, bool Sigmoid, int Seed)
{
    internal ExpertConfig Config => new() { Count = Experts, PerToken = PerToken, Width = 1, Balancing = 0.3, Router = Sigmoid ? RouterKind.Sigmoid : RouterKind.Softmax };

    /// <summary>[tokens, experts] of each layer.</summary>
    public IReadOnlyList<float[]> Logits()
    {
        var random = new Random(Seed);
        return [.. Enumerable.Range(0, Layers).Select(_ => Enumerable.Range(0, Tokens * Experts).Select(_ => (float)(4 * random.NextDouble())).ToArray())];
    }

    public static class Cases
    {
        public static Arbitrary<BalanceCase> Any() =>
            (from layers in Gen.Choose(1, 3)
             from tokens in Gen.Choose(1, 20)
             from experts in Gen.Choose(1, 9)
             from perToken in Gen.Choose(1, experts)
             from sigmoid in Gen.Elements(false, true)
             from seed in Gen.Choose(0, 1_000_000)
             select new BalanceCase(layers, tokens, experts, perToken, sigmoid, seed)).ToArbitrary();
    }
}
