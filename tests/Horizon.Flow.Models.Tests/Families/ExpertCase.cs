using FsCheck;
using FsCheck.Fluent;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models.Experts;

namespace Horizon.Flow.Models.Tests.Families;

/// <summary>A layer of experts of random size with random weights, and tokens for it.</summary>
public sealed class ExpertCase
{
    internal ExpertConfig Config { get; private init; } = null!;

    public required int Hidden { get; init; }

    public required int Tokens { get; init; }

    public required int Seed { get; init; }

    public UnitLayout Layout => new("layer", "expert layer", ExpertLayout.Of(Config, Hidden).Select(parameter => (parameter.Role, parameter.Role, parameter.Shape)));

    public Dictionary<string, float[]> Parameters()
    {
        var random = new Random(Seed);
        return Layout.Parameters.ToDictionary(slot => slot.Role, slot => Values(random, slot.Count));
    }

    /// <summary>The layer's own parameters and those of its parts, with the experts counted from 0 in each; the names are the whole layer's roles.</summary>
    public IReadOnlyList<UnitLayout> InParts(int parts)
    {
        var config = Config with { Parts = parts };
        return [
            new("layer", "expert layer", ExpertLayout.Of(config, Hidden).Select(parameter => (parameter.Role, parameter.Role, parameter.Shape))),
            .. Enumerable.Range(0, parts).Select(part => new UnitLayout($"part {part}", "experts", ExpertLayout.Part(config, Hidden, part), rows: ExpertLayout.RowsOf(config, part))),
        ];
    }

    /// <summary>Numbers of equal parts.</summary>
    public IEnumerable<int> PartCounts => Enumerable.Range(2, Math.Max(0, Config.Count - 1)).Where(parts => Config.Count % parts == 0);

    public override string ToString() => $"{Config} hidden {Hidden} tokens {Tokens} seed {Seed}";

    /// <summary>[tokens, hidden].</summary>
    public float[] Input() => Values(new Random(Seed + 1), (long)Tokens * Hidden);

    private static float[] Values(Random random, long count) => [.. Enumerable.Range(0, (int)count).Select(_ => (float)((2 * random.NextDouble()) - 1))];

    public static class Cases
    {
        public static Arbitrary<ExpertCase> Any() => Of(Gen.Choose(1, 6), Gen.Choose(1, 7));

        internal static Arbitrary<ExpertCase> Of(Gen<int> widths, Gen<int> hiddens) =>
            (from router in Gen.Elements(RouterKind.Softmax, RouterKind.SoftmaxOfChosen, RouterKind.Sigmoid)
             from groups in router == RouterKind.Sigmoid ? Gen.Choose(1, 4) : Gen.Constant(1)
             from chosenGroups in Gen.Choose(1, groups)
             from ofGroup in Gen.Choose(groups > 1 ? 2 : 1, 4)
             from perToken in Gen.Choose(1, chosenGroups * ofGroup)
             from width in widths
             from shared in Gen.Elements(0, 1, 5)
             from flags in Gen.Choose(0, 127)
             from hidden in hiddens
             from tokens in Gen.Choose(1, 12)
             from seed in Gen.Choose(0, 1_000_000)
             select new ExpertCase
             {
                 Config = new ExpertConfig
                 {
                     Count = groups * ofGroup,
                     PerToken = perToken,
                     Width = width,
                     Router = router,
                     WideRouter = (flags & 1) != 0,
                     RouterBias = (flags & 2) != 0,
                     Normalized = (flags & 4) != 0,
                     ClampedGate = (flags & 8) != 0 ? (1.7, 0.4) : null,
                     Fused = (flags & 40) == 32,
                     RouterNormEpsilon = (flags & 64) != 0 ? 1e-3 : null,
                     Scale = 1 + (seed % 3),
                     Groups = groups,
                     ChosenGroups = chosenGroups,
                     SharedWidth = shared,
                     SharedGated = (flags & 16) != 0,
                 },
                 Hidden = hidden,
                 Tokens = tokens,
                 Seed = seed,
             }).ToArbitrary();
    }

    /// <summary>Experts enough for several parts.</summary>
    public static class PartCases
    {
        public static Arbitrary<ExpertCase> Any() => Cases.Any().Filter(layer => layer.Config is { Count: > 1 });
    }

    /// <summary>The same in eights.</summary>
    public static class GroupedPartCases
    {
        public static Arbitrary<ExpertCase> Any() => GroupedCases.Any().Filter(layer => layer.Config is { Count: > 1 });
    }

    /// <summary>In eights, so that a kernel that reads 16 bytes of bf16 takes them.</summary>
    public static class GroupedCases
    {
        public static Arbitrary<ExpertCase> Any() => Cases.Of(Gen.Elements(8, 16), Gen.Elements(8, 24));
    }
}
