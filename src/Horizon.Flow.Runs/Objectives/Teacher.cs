using System.Globalization;
using Horizon.Flow.Alignment.Distillation;
using Horizon.Flow.Devices;
using Horizon.Flow.Distributed;
using Horizon.Flow.Host.Files;
using Horizon.Flow.Host.ModelFolders;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models;
using Horizon.Flow.Runs.Blueprint;
using Horizon.Flow.Text.Batches;
using Horizon.Flow.Units;

namespace Horizon.Flow.Runs.Objectives;

/// <summary>What a run distils from: a teacher's store that streams beside the student, or a file of what the teacher says.</summary>
internal sealed class Teacher : IDisposable
{
    private const string Tokenizer = "tokenizer.json";

    private Teacher(ParameterStore? store, TeacherLogits? logits, string content) => (Store, Logits, Content) = (store, logits, content);

    /// <summary>The teacher's weights; null where a file stands for them.</summary>
    public ParameterStore? Store { get; }

    /// <summary>What the teacher says; null where it stands beside the student.</summary>
    public TeacherLogits? Logits { get; }

    /// <summary>Tells one teacher from another.</summary>
    public string Content { get; }

    /// <summary>Loads the teacher, or opens the file, which is made first where it is missing.</summary>
    /// <param name="blueprint">The run.</param>
    /// <param name="plan">Its plan.</param>
    /// <param name="device">Where it computes.</param>
    /// <param name="source">What will be trained on.</param>
    /// <param name="notice">Takes sentences for the user.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="HorizonException">The teacher cannot be loaded, or the file is another one's.</exception>
    public static async Task<Teacher> OpenAsync(RunBlueprint blueprint, TrainingPlan plan, IComputeDevice device, IBatchSource source, Action<string> notice, CancellationToken cancellation)
    {
        var section = blueprint.Configuration.Training.Objective;
        if (section.Teacher is { } folder && HasOtherTokenizer(folder, blueprint.Configuration.Model.Path!))
            notice($"the {Tokenizer} of training.objective.teacher is not that of model.path, byte for byte: the same ids must mean the same tokens");
        if (blueprint.Teacher is not null)
        {
            var slices = blueprint.Ranks is { } ranks ? new UnitSlices(plan, ranks) : null;
            // As the plan has it.
            var model = plan.Models[1];
            var store = await LoadAsync(model, section.Teacher!, blueprint.Precision, slices, notice, cancellation).ConfigureAwait(false);
            return new Teacher(store, null, await StoreContent.OfAsync(model, store, slices, blueprint.Ranks).ConfigureAwait(false));
        }

        var (path, temperature) = (section.Logits!, section.Temperature ?? 1);
        if (!File.Exists(path) && blueprint.Ranks is not null)
            throw new HorizonException($"training.objective.logits: {path} is not there, and several ranks do not write it; start one rank first, with training.max_steps: 1 and another output.directory, and then the ranks");
        if (!File.Exists(path)) await WriteAsync(blueprint, device, source, path, section.TopK!.Value, temperature, notice, cancellation).ConfigureAwait(false);
        var logits = TeacherLogits.Open(path);
        if (logits.TopK == section.TopK && logits.Temperature == temperature) return new Teacher(null, logits, logits.Hash);
        logits.Dispose();
        throw new HorizonException(string.Create(
            CultureInfo.InvariantCulture,
            $"{path} has {logits.TopK} tokens of each label at temperature {logits.Temperature}, but training.objective asks for {section.TopK} at {temperature}; set top_k and temperature to these, or name another file"));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Store?.Dispose();
        Logits?.Dispose();
    }

    private static async Task WriteAsync(
        RunBlueprint blueprint, IComputeDevice device, IBatchSource source, string path, int topK, double temperature, Action<string> notice, CancellationToken cancellation)
    {
        var folder = blueprint.Configuration.Training.Objective.Teacher!;
        var model = ModelFamilies.Define(ModelFolder.ReadConfig(folder));
        if (model.VocabularySize < blueprint.Model.VocabularySize || topK >= blueprint.Model.VocabularySize)
            throw new HorizonException($"training.objective: a teacher of {model.VocabularySize:N0} token ids cannot give {topK:N0} of them to a model of {blueprint.Model.VocabularySize:N0}; take another teacher, or a smaller top_k");
        var started = TimeProvider.System.GetTimestamp();
        using var store = await LoadAsync(model, folder, blueprint.Precision, null, notice, cancellation).ConfigureAwait(false);
        try
        {
            OutputFile.Claim(path);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            var run = TeacherLogits.Plan(model, blueprint.Model.VocabularySize, topK, temperature).Start(store, device);
            await using (run.ConfigureAwait(false))
                await TeacherLogits.WriteAsync(run, Enumerable.Range(0, source.MicroBatchesPerEpoch(0)).Select(index => source.GetMicroBatch(0, index)), path, topK, temperature, cancellation).ConfigureAwait(false);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new HorizonException($"{path} cannot be written: {error.Message.TrimEnd('.')}; name another file as training.objective.logits", error);
        }

        notice(string.Create(CultureInfo.InvariantCulture, $"what the teacher says was written to {path} in {TimeProvider.System.GetElapsedTime(started).TotalSeconds:0.0} s"));
    }

    private static async Task<ParameterStore> LoadAsync(ModelDefinition model, string folder, StorePrecision precision, UnitSlices? slices, Action<string> notice, CancellationToken cancellation)
    {
        using var files = WeightFiles.Open(folder);
        var store = ParameterStore.Create(slices is null ? model.Units : model.Units.Select(slices.Of), precision, OptimizerFactory.Create("sgd"), isTrainable: _ => false);
        try
        {
            if ((await StoreLoader.LoadAsync(files, store.Units, slices is null ? null : RankStores.LoadOptions(model, slices), cancellationToken: cancellation).ConfigureAwait(false)).Warning is { } warning) notice($"the teacher: {warning}");
            return store;
        }
        catch
        {
            store.Dispose();
            throw;
        }
    }

    private static bool HasOtherTokenizer(string teacher, string student)
    {
        var (one, other) = (Path.Combine(teacher, Tokenizer), Path.Combine(student, Tokenizer));
        return File.Exists(one) && File.Exists(other) && !File.ReadAllBytes(one).AsSpan().SequenceEqual(File.ReadAllBytes(other));
    }
}
