using Xunit.Abstractions;

namespace Horizon.Flow.Models.Tests.Families;

/// <summary>
/// The families against transformers. HORIZON_FAMILY_ANSWERS names a folder of more checkpoints with answers than the repository holds:
/// <c>HORIZON_FAMILY_ANSWERS=DIR dotnet test tests/Horizon.Flow.Tests --filter FamilyAnswerTests</c>.
/// </summary>
public class FamilyAnswerTests(ITestOutputHelper output)
{
    private static readonly string Own = Path.Combine(AppContext.BaseDirectory, "data", "families");

    public static TheoryData<string> Folders => [.. All];

    private static IEnumerable<string> All =>
    [
        .. Directory.GetDirectories(Own).Select(folder => Path.GetRelativePath(Own, folder)).Order(StringComparer.Ordinal),
        .. Environment.GetEnvironmentVariable("HORIZON_FAMILY_ANSWERS") is { Length: > 0 } more ? (string[])[.. Directory.GetDirectories(more).Order(StringComparer.Ordinal)] : [],
    ];

    /// <summary>Of these the ones whose experts can be in parts.</summary>
    public static TheoryData<string> FoldersInParts => [.. All.Where(folder =>
        ModelFolder.ReadConfig(Path.Combine(Own, folder)) is Dense.DenseConfig { Experts: not null } config && ExpertParts.Refusal(config) is null)];

    [Theory]
    [MemberData(nameof(Folders))]
    public Task Train_ThreeSteps_EqualsTransformers(string folder) => CompareAsync(folder, parts: 1);

    [Theory]
    [MemberData(nameof(FoldersInParts))]
    public Task Train_ThreeStepsInParts_EqualsTransformers(string folder) => CompareAsync(folder, parts: 2);

    private async Task CompareAsync(string folder, int parts)
    {
        var answer = await FamilyAnswer.OfAsync(Path.Combine(Own, folder), parts);
        var line = $"{Path.GetFileName(folder) + (parts == 1 ? "" : $" in {parts}"),-16} logits {answer.Logits:E1}  losses {answer.Losses:E1}  norms {answer.Norms:E1}  parameters {answer.Parameters:E1} ({answer.WorstParameter})"
            + (answer.Rounded.Count == 0 ? "" : $"  without {answer.Rounded.Values.Sum(places => places.Length)} numbers of {answer.Rounded.Count} keys' biases, whose gradient is zero");
        output.WriteLine(line);
        if (Environment.GetEnvironmentVariable("HORIZON_FAMILY_TABLE") is { Length: > 0 } table) await File.AppendAllTextAsync(table, line + "\n");
        Assert.True(answer is { Logits: <= 1e-4, Losses: <= 2e-5, Norms: <= 1e-4, Parameters: <= 2e-4, NamesThatDiffer.Count: 0 }, $"{line} {string.Join(", ", answer.NamesThatDiffer)}");
        Assert.True(answer.RoundedStayNear, $"{line}: a gradient of rounding made more than steps of rounding");
    }
}
