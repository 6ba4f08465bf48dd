using System.Globalization;
using Horizon.Flow.Runs.Blueprint;
using Horizon.Flow.Runs.Objectives;
using Horizon.Flow.Runs.Sections;
using Horizon.Flow.Text.Batches;
using Horizon.Flow.Text.Data;
using Horizon.Flow.Text.Tokenizers;
using Horizon.Flow.Text.Tokens;

namespace Horizon.Flow.Runs.Data;

/// <summary>Reads training and held-out data with the same settings.</summary>
internal static class DataReader
{
    /// <summary>The model folder's tokenizer, where the data may need one.</summary>
    public static HuggingFaceTokenizer? OpenTokenizer(RunConfiguration configuration)
    {
        var folder = configuration.Model.Path!;
        var formats = FormatsOf(configuration);
        var isNeeded = ObjectiveKinds.Of(configuration.Training.Objective).Data != ObjectiveData.Text || configuration.Evaluation.Prompt is not null
            || configuration.Model.AdditionalSpecialTokens.Count > 0 || formats.Any(format => format is not (DataFormat.Tokens or DataFormat.Auto));
        var isWanted = isNeeded || (formats.Contains(DataFormat.Auto) && File.Exists(Path.Combine(folder, "tokenizer.json")));
        return isWanted ? RunTokenizer.Load(configuration) : null;
    }

    /// <summary>The data to train on; beside them is what <c>evaluation.fraction</c> holds out.</summary>
    public static IBatchSource OpenTraining(RunBlueprint blueprint, ITokenizer? tokenizer, IProgress<DataProgress>? progress = null)
    {
        var data = blueprint.Configuration.Data;
        return Open(blueprint, tokenizer, Options(blueprint, data.Name!) with
        {
            Sets = [.. data.Sets.Select(set => new DataSetOptions
            {
                Path = set.Path!,
                Format = set.Format,
                Split = set.Split,
                Weight = set.Weight,
                MaxSamples = set.MaxSamples,
            })],
            MaxSamples = data.MaxSamples,
            SplitName = data.Split,
            HeldOutShare = blueprint.Configuration.Evaluation.Fraction,
            Shuffle = data.Shuffle,
            GroupByLength = data.GroupByLength,
        }, progress);
    }

    /// <summary>The data of <c>evaluation.path</c>, all of it and in its own order.</summary>
    public static IBatchSource OpenHeldOut(RunBlueprint blueprint, ITokenizer? tokenizer, string path, IProgress<DataProgress>? progress = null) =>
        Open(blueprint, tokenizer, Options(blueprint, path) with { Split = DataSplit.Validation, Shuffle = false }, progress);

    private static HashSet<DataFormat> FormatsOf(RunConfiguration configuration)
    {
        var data = configuration.Data;
        var formats = data.Sets.Select(set => set.Format == DataFormat.Auto ? data.Format : set.Format).ToHashSet();
        if (data.Sets.Count == 0 || configuration.Evaluation.Path is not null) formats.Add(data.Format);
        return formats;
    }

    private static IBatchSource Open(RunBlueprint blueprint, ITokenizer? tokenizer, DataOptions options, IProgress<DataProgress>? progress)
    {
        var training = blueprint.Configuration.Training;
        IBatchSource source = blueprint.Kind.Data switch
        {
            ObjectiveData.Text => BatchSource.Open(options, tokenizer, blueprint.Model.VocabularySize, training.BatchSize, training.Seed, progress),
            ObjectiveData.Prompts => PromptData.Open(blueprint, options, tokenizer!),
            _ => PreferenceData.Open(blueprint.Kind.Data, options, tokenizer!, blueprint.Model.VocabularySize, training.BatchSize, training.Seed),
        };
        CheckLength(blueprint, source, options.Path);
        if (source.HeldOut is { } heldOut) CheckLength(blueprint, heldOut, options.Path);
        return source;
    }

    /// <summary>What all data have in common.</summary>
    private static DataOptions Options(RunBlueprint blueprint, string path)
    {
        var data = blueprint.Configuration.Data;
        return new DataOptions
        {
            Path = path,
            Columns = data.Columns,
            Roles = RolesOf(data.Roles),
            Format = data.Format,
            SequenceLength = data.SequenceLength ?? blueprint.SequenceLength,
            Packing = data.Packing,
            TooLong = data.TooLong,
            MaxBadShare = data.MaxBadShare,
            TrainOnPrompt = data.TrainOnPrompt,
            TrainOn = data.TrainOn,
            CacheFolder = data.CacheFolder,
            Date = data.Date is { } date ? DateOnly.ParseExact(date, "yyyy-MM-dd", CultureInfo.InvariantCulture) : null,
        };
    }

    private static Dictionary<string, string> RolesOf(DataRolesSection section)
    {
        var roles = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (role, names) in ((string, ValueList<string>)[])[("user", section.User), ("assistant", section.Assistant), ("system", section.System), ("tool", section.Tool)])
        {
            foreach (var name in names)
                if (!roles.TryAdd(name, role)) throw new HorizonException($"data.roles names '{name}' twice: as {roles[name]} and as {role}.");
        }

        return roles;
    }

    // Rows may be shorter than data.sequence_length, so that one beyond what the model allows need not matter.
    private static void CheckLength(RunBlueprint blueprint, IBatchSource source, string path)
    {
        var limit = blueprint.Model.MaximumSequenceLength;
        if (blueprint.Configuration.Data.SequenceLength is not { } length || length <= limit) return;
        if (source.Summary.LongestRow > limit)
            throw new HorizonException($"{path} has a sequence of {source.Summary.LongestRow} tokens, the model allows {limit}; set data.sequence_length to {limit} or less.");
    }
}
