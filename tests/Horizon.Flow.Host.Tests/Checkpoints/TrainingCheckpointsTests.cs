using System.Text.Json.Nodes;
using FsCheck;
using Horizon.Flow.Host.Checkpoints;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Tests.Hostile;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Host.Tests;

/// <summary>The format of resumable checkpoints: what was written comes back bit for bit, or not at all.</summary>
public sealed class TrainingCheckpointsTests : IDisposable
{
    private readonly TestFolder _folder = new();
    private readonly List<string> _warnings = [];
    private int _folders;

    public void Dispose() => _folder.Dispose();

    [Cases(20)]
    public async Task Load_AnyLayoutPrecisionAndOptimizer_GivesBackEveryBit(int seed, bool copied)
    {
        var folder = NewFolder();
        using var saved = new SavedState(seed);
        var path = await saved.WriteAsync(folder, saved.Store.Step, copied);
        using var other = SavedState.Other(seed);
        var checkpoint = await LoadAsync(folder, other);
        Assert.Equal(saved.State, other.State);
        Assert.Null(other.Store.Damage);
        Assert.Equal((path, saved.Store.Step, "a: 1\n", "3"), (checkpoint!.Path, checkpoint.Manifest.Step, checkpoint.Manifest.Configuration, checkpoint.Manifest.Progress["epoch"]));
        Assert.Empty(_warnings);
    }

    /// <summary>State of the user's own, and the moments of a unit that is frozen now, come back too; also where the store that loads them never had any.</summary>
    [Cases(20)]
    public async Task Load_OwnStateAndMomentsOfAFrozenUnit_GivesBackEveryBit(int seed, bool own, bool loaderHasThem)
    {
        var folder = NewFolder();
        using var saved = new SavedState(seed, own: own, frozenLater: true);
        await saved.WriteAsync(folder, saved.Store.Step);
        using var other = SavedState.Other(seed, own, frozenLater: true);
        var state = other.Store.Units[0].OptimizerState.Count;
        if (!loaderHasThem) other.Store.Units[0].RenewOptimizerState([]);
        var contents = CheckpointContents.Of("llama", other.Store, OptimizerFactory.Create(saved.Contents.Optimizer));
        Assert.NotNull(await folder.LoadNewestAsync(other.Store, contents, _warnings.Add));
        Assert.Equal(state, other.Store.Units[0].OptimizerState.Count);
        Assert.Equal(saved.State, other.State);
        Assert.Empty(_warnings);
    }

    /// <summary>A checkpoint from before the unit was ever trained: what the store has of its moments goes.</summary>
    [Fact]
    public async Task Load_WithoutMomentsOfAFrozenUnitThatHasThem_TakesThemAway()
    {
        var folder = NewFolder();
        using var saved = new SavedState(5, optimizer: "adamw", frozenLater: true);
        var before = saved.Store.Units[0].OptimizerState.Select(buffer => buffer.ByteLength).ToList();
        saved.Store.Units[0].RenewOptimizerState([]);
        await saved.WriteAsync(folder, 1, contents: CheckpointContents.Of("llama", saved.Store, OptimizerFactory.Create("adamw")));
        saved.Store.Units[0].RenewOptimizerState([.. before.Select((bytes, i) => new OptimizerBuffer($"{i}", bytes))]);
        Assert.NotNull(await folder.LoadNewestAsync(saved.Store, CheckpointContents.Of("llama", saved.Store, OptimizerFactory.Create("adamw")), _warnings.Add));
        Assert.Empty(saved.Store.Units[0].OptimizerState);
    }

    [Fact]
    public async Task Load_WithoutTheStatesThatTheStoreWants_IsRefusedByName()
    {
        var folder = NewFolder();
        using var saved = new SavedState(5, optimizer: "adamw");
        await saved.WriteAsync(folder, 1);
        using var other = new SavedState(5, optimizer: "adamw", own: true);
        var error = await Assert.ThrowsAsync<HorizonException>(() => folder.LoadNewestAsync(other.Store, other.Contents, _warnings.Add));
        Assert.Contains("own.average", error.Message, StringComparison.Ordinal);
    }

    /// <summary>Any file, any damage: the older checkpoint is loaded and the file is named, or the damage changed nothing.</summary>
    [Cases(60)]
    public async Task Load_DamagedAnywhere_IsRefusedByNameAndTheOlderOneIsUsed(int seed, PositiveInt where, bool isOneBit)
    {
        var folder = NewFolder();
        using var saved = new SavedState(seed);
        await saved.WriteAsync(folder, 1);
        await saved.WriteAsync(folder, 2);
        var files = Directory.GetFiles(folder.PathOf(2));
        var file = files[where.Get % files.Length];
        var before = File.ReadAllBytes(file);
        var after = isOneBit ? Flip(before, where.Get) : Mutator.Apply(before, new System.Random(seed));
        File.WriteAllBytes(file, after);

        using var other = SavedState.Other(seed);
        var checkpoint = await LoadAsync(folder, other);
        Assert.Equal(saved.State.Skip(1), other.State.Skip(1));
        if (before.AsSpan().SequenceEqual(after))
        {
            Assert.Equal(2, checkpoint!.Manifest.Step);
            return;
        }

        Assert.Equal((1, 1), (checkpoint!.Manifest.Step, other.Store.Step));
        var warning = Assert.Single(_warnings);
        Assert.Contains(file, warning, StringComparison.Ordinal);
        Assert.EndsWith($"going on from the older {folder.PathOf(1)}", warning, StringComparison.Ordinal);
        _warnings.Clear();

        Directory.Delete(folder.PathOf(1), recursive: true);
        var error = await Assert.ThrowsAsync<HorizonException>(() => LoadAsync(folder, other));
        Assert.Contains(file, error.Message, StringComparison.Ordinal);
        _warnings.Clear();
    }

    /// <summary>A manifest or a unit that is no file is passed over by name, and nothing is waited for.</summary>
    [Theory]
    [InlineData("manifest.json", true)]
    [InlineData("manifest.json", false)]
    [InlineData("unit-00000.safetensors", true)]
    [InlineData("unit-00000.safetensors", false)]
    public async Task Load_PipeOrDeviceForAFile_IsPassedOverByName(string name, bool isPipe)
    {
        var folder = NewFolder();
        using var saved = new SavedState(1);
        await saved.WriteAsync(folder, 1);
        var file = Path.Combine(await saved.WriteAsync(folder, 2), name);
        File.Delete(file);
        if (isPipe) SpecialFile.Pipe(file);
        else File.CreateSymbolicLink(file, "/dev/zero");
        Assert.Equal(1, (await LoadAsync(folder, saved))!.Manifest.Step);
        Assert.Contains(file, Assert.Single(_warnings), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Load_FolderOfAnotherName_IsNotBelieved()
    {
        var folder = NewFolder();
        using var saved = new SavedState(1);
        await saved.WriteAsync(folder, 5);
        Directory.Move(await saved.WriteAsync(folder, 6), folder.PathOf(900));
        Assert.Equal(5, (await LoadAsync(folder, saved))!.Manifest.Step);
        Assert.Contains("step-900 holds the state of step 6, which its name contradicts; rename it to step-6, or remove it", Assert.Single(_warnings), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Load_LinkToAnotherFoldersCheckpoint_IsPassedOver()
    {
        var (folder, other) = (NewFolder(), NewFolder());
        using var saved = new SavedState(1);
        await saved.WriteAsync(folder, 5);
        Directory.CreateSymbolicLink(folder.PathOf(6), await saved.WriteAsync(other, 6));
        Assert.Equal(5, (await LoadAsync(folder, saved))!.Manifest.Step);
        Assert.Contains("leads out of its folder", Assert.Single(_warnings), StringComparison.Ordinal);
    }

    /// <summary>Nothing is written or removed through a link.</summary>
    [Fact]
    public async Task Begin_Links_AreNotFollowed()
    {
        var (folder, other) = (NewFolder(), NewFolder());
        using var saved = new SavedState(1);
        await saved.WriteAsync(folder, 1);
        var kept = await saved.WriteAsync(other, 1);
        Directory.CreateSymbolicLink(Path.Combine(folder.Path, ".step-2.partial"), kept);
        Directory.CreateSymbolicLink(folder.PathOf(2), kept);
        await saved.WriteAsync(folder, 2);
        Assert.Equal(2, (await LoadAsync(folder, saved))!.Manifest.Step);
        Assert.Equal(1, (await LoadAsync(other, saved))!.Manifest.Step);
        File.CreateSymbolicLink(_folder["link"], Path.Combine(kept, "manifest.json"));
        Assert.Contains("is a link", Assert.Throws<HorizonException>(() => new TrainingCheckpoints(_folder["link"]).Begin(1, 1)).Message, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(kept, "manifest.json")));
    }

    [Fact]
    public async Task Load_FileMissing_NamesIt()
    {
        var folder = NewFolder();
        using var saved = new SavedState(1);
        var path = Path.Combine(await saved.WriteAsync(folder, 5), "unit-00000.safetensors");
        File.Delete(path);
        var error = await Assert.ThrowsAsync<HorizonException>(() => LoadAsync(folder, saved));
        Assert.Contains($"{path} is damaged: it is missing", error.Message, StringComparison.Ordinal);
    }

    /// <summary>Files of another checkpoint of the same run, whole in themselves, do not pass either.</summary>
    [Fact]
    public async Task Load_FileOfAnotherStep_IsRefused()
    {
        var folder = NewFolder();
        using var first = new SavedState(1);
        using var second = SavedState.Other(1);
        var older = await first.WriteAsync(folder, 1);
        var newer = await second.WriteAsync(folder, 2);
        File.Copy(Path.Combine(older, "unit-00000.safetensors"), Path.Combine(newer, "unit-00000.safetensors"), overwrite: true);
        Assert.Equal(1, (await LoadAsync(folder, second))!.Manifest.Step);
        Assert.Contains("its checksum is not the manifest's", Assert.Single(_warnings), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Load_InterruptedByAnError_MarksTheStore()
    {
        var folder = NewFolder();
        using var saved = new SavedState(1);
        var path = Path.Combine(await saved.WriteAsync(folder, 1), "unit-00000.safetensors");
        File.WriteAllBytes(path, Flip(File.ReadAllBytes(path), 999));
        await Assert.ThrowsAsync<HorizonException>(() => LoadAsync(folder, saved));
        Assert.Contains("was loaded in part", saved.Store.Damage, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"architecture":"qwen"}""", "the architecture is qwen there, llama here")]
    [InlineData("""{"optimizer":"lion","precision":"Bf16"}""", "the precision is Bf16 there, Fp32 here\nthe optimizer is lion there, adamw here")]
    public async Task Load_OfAnotherRun_ListsAllDifferences(string changes, string expected)
    {
        var folder = NewFolder();
        using var saved = new SavedState(4, StorePrecision.Fp32, "adamw");
        await saved.WriteAsync(folder, 1);
        Rewrite(folder.PathOf(1), body =>
        {
            foreach (var (key, value) in JsonNode.Parse(changes)!.AsObject()) body["contents"]![key] = value!.DeepClone();
        });
        var before = saved.State;
        var error = await Assert.ThrowsAsync<HorizonException>(() => LoadAsync(folder, saved, ["data.packing is true there, false here"]));
        Assert.EndsWith($"\n{expected}\ndata.packing is true there, false here", error.Message, StringComparison.Ordinal);
        Assert.Equal(before, saved.State);
    }

    /// <summary>Format 1 had one number of steps, and of applied steps, for the whole store, and no settings of the optimizer.</summary>
    [Cases(10)]
    public async Task Load_OfTheOldFormat_CountsEveryTrainedUnitAlike(int seed)
    {
        var folder = NewFolder();
        using var saved = new SavedState(seed);
        await saved.WriteAsync(folder, 9);
        Rewrite(folder.PathOf(9), body =>
        {
            body["format"] = 1;
            body["applied_steps"] = 7;
            body.Remove("counts");
            body["contents"]!.AsObject().Remove("optimizer_settings");
        });
        using var other = SavedState.Other(seed);
        Assert.NotNull(await LoadAsync(folder, other));
        Assert.Empty(_warnings);
        Assert.Equal((9L, null), (other.Store.Step, other.Store.Damage));
        for (var unit = 0; unit < other.Store.Units.Count; unit++)
        {
            var expected = other.Store.IsTrainable(unit) ? (9L, 7L) : (0L, 0L);
            Assert.Equal(expected, (other.Store.VersionOf(unit), other.Store.Units[unit].Updates));
        }

        Assert.Equal(saved.State.Skip(2), other.State.Skip(2));
    }

    [Theory]
    [InlineData("adamw", "betas", "0.9, 0.95", "0.8, 0.95")]
    [InlineData("adamw8bit", "betas", "0.9, 0.95", "0.8, 0.95")]
    [InlineData("lion", "betas[1]", "0.99", "0.95")]
    [InlineData("sgd", "momentum", "0.9", "0.5")]
    public async Task Load_OptimizerWhoseSettingsGiveTheStateAnotherMeaning_SaysTheDifference(string name, string setting, string there, string here)
    {
        var folder = NewFolder();
        using var saved = new SavedState(4, StorePrecision.Fp32, name);
        await saved.WriteAsync(folder, 1);
        var changed = OptimizerFactory.Create(name, new OptimizerOptions { Betas = (0.8, 0.95), Momentum = 0.5 });
        var contents = CheckpointContents.Of("llama", saved.Store, changed);
        var error = await Assert.ThrowsAsync<HorizonException>(() => folder.LoadNewestAsync(saved.Store, contents, _warnings.Add));
        Assert.EndsWith($"\nthe optimizer's {setting} is {there} there, {here} here", error.Message, StringComparison.Ordinal);
        var others = OptimizerFactory.Create(name, new OptimizerOptions { WeightDecay = 0.3, Epsilon = 1e-5 });
        Assert.NotNull(await folder.LoadNewestAsync(saved.Store, CheckpointContents.Of("llama", saved.Store, others), _warnings.Add));
    }

    /// <summary>Two random stores go together exactly when their contents are the same, and the refusal never touches the store.</summary>
    [Cases(30)]
    public async Task Load_IntoARandomStore_IsRefusedUnlessItsContentsAreTheSame(int seed, int otherSeed)
    {
        var folder = NewFolder();
        using var saved = new SavedState(seed);
        using var other = new SavedState(otherSeed);
        await saved.WriteAsync(folder, 1);
        var before = other.State;
        if (other.Contents.DifferencesFrom(saved.Contents).Count == 0)
        {
            await LoadAsync(folder, other);
            return;
        }

        var error = await Assert.ThrowsAsync<HorizonException>(() => LoadAsync(folder, other));
        Assert.All(other.Contents.DifferencesFrom(saved.Contents).Take(12), difference => Assert.Contains(difference, error.Message, StringComparison.Ordinal));
        Assert.Equal(before, other.State);
    }

    /// <summary>An older checkpoint would be no better: it is not passed over.</summary>
    [Fact]
    public async Task Load_OfANewerFormat_IsRefusedNotPassedOver()
    {
        var folder = NewFolder();
        using var saved = new SavedState(1);
        await saved.WriteAsync(folder, 1);
        await saved.WriteAsync(folder, 2);
        Rewrite(folder.PathOf(2), body =>
        {
            body["format"] = 4;
            body.Remove("files");
        });
        var error = await Assert.ThrowsAsync<HorizonException>(() => LoadAsync(folder, saved));
        Assert.Contains("is of format 4, this version reads up to 3", error.Message, StringComparison.Ordinal);
        Assert.Empty(_warnings);
    }

    /// <summary>A manifest with a right checksum but made up otherwise: refused in words, whatever is in it.</summary>
    [Cases(60)]
    public async Task Load_ManifestMadeUp_IsAnErrorInWords(int seed)
    {
        var folder = NewFolder();
        using var saved = new SavedState(1);
        await saved.WriteAsync(folder, 1);
        var path = Path.Combine(folder.PathOf(1), "manifest.json");
        var text = File.ReadAllBytes(path);
        var body = Mutator.Apply(text[61..^2], new System.Random(seed));
        File.WriteAllBytes(path, [.. Envelope(body)]);
        var before = saved.State;
        try
        {
            await LoadAsync(folder, saved, []);
            Assert.Equal(before.Skip(2), saved.State.Skip(2));
        }
        catch (HorizonException error)
        {
            Assert.DoesNotContain("bug", error.Message, StringComparison.Ordinal);
        }

        _warnings.Clear();
    }

    [Fact]
    public async Task Steps_OfAFolder_AreTheCompleteOnesNewestFirst()
    {
        var folder = NewFolder();
        Assert.Empty(folder.Steps);
        using var saved = new SavedState(1);
        foreach (var step in (long[])[9, 10, 100]) await saved.WriteAsync(folder, step);
        foreach (var name in (string[])["step-", "step-07", "step-+8", "step-x", ".step-200.partial", "step-300", "other"]) Directory.CreateDirectory(Path.Combine(folder.Path, name));
        Assert.Equal([100, 10, 9], folder.Steps);
        folder.RemoveUnfinished();
        Assert.False(Directory.Exists(Path.Combine(folder.Path, ".step-200.partial")));
    }

    [Fact]
    public async Task Prune_KeepsTheNewestUpToTheStepAndNeverTouchesLaterOnes()
    {
        var folder = new TrainingCheckpoints(NewFolder().Path, keep: 2);
        using var saved = new SavedState(1);
        foreach (var step in (long[])[1, 2, 3, 4, 9]) await saved.WriteAsync(folder, step);
        folder.Prune(4);
        Assert.Equal([9, 4, 3], folder.Steps);
        Assert.Equal(3, Directory.GetFileSystemEntries(folder.Path).Length);
    }

    /// <summary>Whatever steps are skipped: the newest checkpoint that a step was applied after is still there.</summary>
    [Cases(20)]
    public async Task Prune_StepsSkippedAtRandom_KeepsTheLastGoodOne(PositiveInt keep, bool[] applied)
    {
        var folder = new TrainingCheckpoints(NewFolder().Path, keep: 1 + (keep.Get % 3));
        using var saved = new SavedState(1);
        foreach (var unit in saved.Store.Units) unit.Updates = 0;
        var appliedAt = new List<long>();
        for (var step = 1; step <= Math.Min(applied.Length, 12); step++)
        {
            if (applied[step - 1])
            {
                foreach (var unit in saved.Store.Units) unit.Updates++;
            }

            appliedAt.Add(saved.Store.Units[0].Updates);
            await saved.WriteAsync(folder, step);
            folder.Prune(step);
            var good = appliedAt.FindLastIndex(before => before < saved.Store.Units[0].Updates) + 1L;
            Assert.Equal(Enumerable.Range(1, step).Select(one => (long)one).Where(one => one > step - (1 + (keep.Get % 3)) || one == good).Reverse(), folder.Steps);
        }
    }

    [Fact]
    public async Task Draft_NotCommitted_LeavesNothingAndTheOlderOneWhole()
    {
        var folder = NewFolder();
        using var saved = new SavedState(1);
        await saved.WriteAsync(folder, 1);
        await using (var draft = folder.Begin(2, saved.Store.ByteLength))
        {
            await draft.WriteUnitAsync(0, UnitImage.Of(saved.Store.Units[0], saved.Contents.Units[0]));
            Assert.Equal(2, Directory.GetFileSystemEntries(folder.Path).Length);
        }

        Assert.Equal(folder.PathOf(1), Assert.Single(Directory.GetFileSystemEntries(folder.Path)));
        Assert.NotNull(await LoadAsync(folder, saved));
    }

    [Fact]
    public async Task Commit_OverADamagedOneOfTheSameStep_ReplacesIt()
    {
        var folder = NewFolder();
        using var saved = new SavedState(1);
        await saved.WriteAsync(folder, 1);
        File.WriteAllText(Path.Combine(folder.PathOf(1), "unit-00000.safetensors"), "x");
        await saved.WriteAsync(folder, 1);
        Assert.Equal(1, (await LoadAsync(folder, saved))!.Manifest.Step);
        Assert.Empty(_warnings);
    }

    [Fact]
    public void Begin_MoreThanTheDiskHas_SaysTheNumbers()
    {
        var error = Assert.Throws<HorizonException>(() => NewFolder().Begin(1, long.MaxValue));
        Assert.Contains("it needs 8 EiB, the disk has", error.Message, StringComparison.Ordinal);
    }

    private static byte[] Flip(byte[] bytes, int where)
    {
        var flipped = bytes.ToArray();
        flipped[(int)((long)where * 7919 % bytes.Length)] ^= (byte)(1 << (where % 8));
        return flipped;
    }

    private static byte[] Envelope(byte[] body) =>
        [.. System.Text.Encoding.ASCII.GetBytes($"{{\"xxh128\": \"{Checksums.Of(body)}\", \"manifest\": "), .. body, .. "}\n"u8];

    private static void Rewrite(string checkpoint, Action<JsonObject> change)
    {
        var path = Path.Combine(checkpoint, "manifest.json");
        var body = JsonNode.Parse(File.ReadAllText(path))!["manifest"]!.AsObject();
        change(body);
        File.WriteAllBytes(path, Envelope(System.Text.Encoding.UTF8.GetBytes(body.ToJsonString())));
    }

    private Task<TrainingCheckpoint?> LoadAsync(TrainingCheckpoints folder, SavedState state, IEnumerable<string>? differences = null) =>
        folder.LoadNewestAsync(state.Store, state.Contents, _warnings.Add, _ => differences ?? []);

    private TrainingCheckpoints NewFolder() => new(_folder[$"{Interlocked.Increment(ref _folders)}"]);
}
