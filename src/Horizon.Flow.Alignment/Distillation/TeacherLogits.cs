using System.Threading.Tasks.Dataflow;
using Horizon.Flow.Messages;
using Horizon.Flow.Program;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Alignment.Distillation;

// Letters: N labelled tokens, K tokens that are kept.

/// <summary>
/// What a teacher says of a data set, computed once and kept in a file: of each label its K most likely tokens with their log-probabilities, and that of
/// the rest, at a temperature; 8 K + 4 bytes a label. Kept by the content of each sequence and read as micro-batches ask for it, so that no teacher is
/// held while a student learns.
/// </summary>
public sealed class TeacherLogits : IDisposable
{
    /// <summary>The column of token ids: [labelled tokens, K].</summary>
    public const string IdColumn = "teacher's tokens";

    /// <summary>The column of log-probabilities: [labelled tokens, K + 1].</summary>
    public const string Column = "teacher's log-probabilities";

    private const string Say = "say";

    private readonly TeacherFile _file;

    private TeacherLogits(TeacherFile file) => _file = file;

    /// <summary>K.</summary>
    public int TopK => _file.TopK;

    /// <summary>The temperature of the log-probabilities.</summary>
    public double Temperature => _file.Temperature;

    /// <summary>Hexadecimal digits of all that the file says.</summary>
    public string Hash => _file.Hash;

    /// <summary>How many sequences are known.</summary>
    public int Count => _file.Count;

    /// <summary>Opens a file, after looking at all of it.</summary>
    /// <exception cref="HorizonException">The file is missing, damaged or of another kind.</exception>
    public static TeacherLogits Open(string path) => new(TeacherFile.Open(path));

    /// <summary>The plan of a teacher alone, for <see cref="WriteAsync"/>.</summary>
    /// <param name="teacher">The teacher.</param>
    /// <param name="vocabularySize">The student's; of a larger vocabulary the first ids count.</param>
    /// <param name="topK">K, below the student's vocabulary.</param>
    /// <param name="temperature">Above 0.</param>
    public static TrainingPlan Plan(ModelDefinition teacher, int vocabularySize, int topK, double temperature)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(topK, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(topK, vocabularySize);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(temperature);
        return TrainingPlan.For(teacher).Freeze(_ => true).WithOp(Say, (_, stage) => new TransformBlock<OpWork, Computed>(work =>
        {
            var rows = Top(work, vocabularySize, topK, temperature);
            return work.GiveResult(cat([rows.Ids!.to(float32), rows.Values], 1));
        }, stage.ToDataflow()));
    }

    /// <summary>Lets a teacher say what it has to of all sequences, and writes it to a file, which is whole or not there.</summary>
    /// <param name="run">Of <see cref="Plan"/>.</param>
    /// <param name="microBatches">All that will be trained on.</param>
    /// <param name="path">The file.</param>
    /// <param name="topK">As in the plan.</param>
    /// <param name="temperature">As in the plan.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static async Task WriteAsync(
        TrainingRun run, IEnumerable<MicroBatch> microBatches, string path, int topK, double temperature, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(run);
        ArgumentNullException.ThrowIfNull(microBatches);
        var program = Program(run.Context.Plan.Model);
        using var file = new TeacherFile.Writer(path, topK, temperature);
        foreach (var batch in microBatches)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var keys = SequenceKey.Of(batch);
            if (keys.All(file.Knows)) continue;
            var numbers = (await run.ComputeAsync(program, [batch], CancellationToken.None).ConfigureAwait(false)).Results[0].Numbers;
            var (width, at) = ((2 * topK) + 1, 0);
            foreach (var (key, count) in keys.Zip(batch.LabelledBySequence))
            {
                file.Add(key, numbers.AsSpan(at * width, count * width), count);
                at += count;
            }
        }

        file.Finish();
    }

    /// <summary>The micro-batch with what the teacher says as columns.</summary>
    /// <exception cref="HorizonException">One of its sequences is not known.</exception>
    public MicroBatch Attach(MicroBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        float[] ids = new float[batch.LabelledTokens * TopK], values = new float[batch.LabelledTokens * (TopK + 1)];
        var at = 0;
        foreach (var (sequence, (key, count)) in SequenceKey.Of(batch).Zip(batch.LabelledBySequence).Index())
        {
            if (count == 0) continue;
            if (!_file.TryRead(key, ids.AsSpan(at * TopK, count * TopK), values.AsSpan(at * (TopK + 1), count * (TopK + 1))))
                throw new HorizonException($"{_file.Path} does not know sequence {sequence + 1} of a micro-batch: it was made of other data, or of data read in another way; remove it to make it anew");
            at += count;
        }

        return batch.WithColumn(IdColumn, ids).WithColumn(Column, values);
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    /// <summary>The columns of a micro-batch on the device.</summary>
    internal static TeacherRows RowsOf(DeviceBatch batch)
    {
        var (count, ids, values) = (batch.LabelledTokens.shape[0], batch.Column(IdColumn), batch.Column(Column));
        return new(ids.view(count, -1).to(int64), values.view(count, -1));
    }

    /// <summary>The most likely tokens of each label, a chunk of logits at a time.</summary>
    internal static TeacherRows Top(OpWork work, int vocabulary, int count, double temperature)
    {
        var labelled = work.Batch.LabelledTokens.shape[0];
        var (ids, values) = (empty([labelled, count], int64, work.Batch.InputIds.device), empty([labelled, count + 1], float32, work.Batch.InputIds.device));
        work.Head.ForEachLogits(work.Parameters!, work.Input(), work.Batch, (first, logits_CV) =>
        {
            var top = TeacherRows.Top(logits_CV.narrow(-1, 0, vocabulary), count, temperature);
            ids.narrow(0, first, logits_CV.shape[0]).copy_(top.Ids!);
            values.narrow(0, first, logits_CV.shape[0]).copy_(top.Values);
        });
        return new TeacherRows(ids, values);
    }

    private static StepProgram Program(ModelDefinition teacher)
    {
        var builder = new ProgramBuilder();
        builder.Visit(Say, teacher.Head.Unit, teacher.Hidden.Count, builder.Weights(teacher.Head.Unit), [builder.Forward(teacher)], [], result: true);
        return builder.Build();
    }
}
