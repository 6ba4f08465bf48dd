using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;

namespace Horizon.Flow.Host.Optimizers;

/// <summary>One parameter, as <see cref="Adafactor"/> sees it.</summary>
/// <param name="First">First element in the flat buffer.</param>
/// <param name="Rows">0 for a vector.</param>
/// <param name="Columns">Elements of a row; of a vector, all.</param>
/// <param name="RowState">Where its row moments start; of a vector, its element moments.</param>
/// <param name="ColumnState">Where its column moments start.</param>
/// <param name="FirstPart">Its first part.</param>
/// <param name="EndPart">One past its last part.</param>
/// <param name="LearningRateFactor">From its group.</param>
/// <param name="WeightDecay">From its group, else the optimizer's.</param>
internal sealed record AdafactorSlot(
    long First, long Rows, long Columns, long RowState, long ColumnState, int FirstPart, int EndPart, double LearningRateFactor, double WeightDecay)
{
    /// <summary>Elements.</summary>
    public long Count => Math.Max(Rows, 1) * Columns;
}

/// <summary>Some whole rows of a matrix, or some elements of a vector.</summary>
/// <param name="Slot">The parameter.</param>
/// <param name="First">First row or element within it.</param>
/// <param name="Count">Rows or elements.</param>
internal readonly record struct AdafactorPart(int Slot, long First, int Count);

/// <summary>How the work on a unit is cut; depends on the layout alone.</summary>
/// <param name="Slots">The parameters.</param>
/// <param name="Parts">Rows and vector elements, about <see cref="HostWorkers.ChunkElements"/> elements each.</param>
/// <param name="Strips">Columns of the matrices: first column and number of columns.</param>
internal sealed record AdafactorPlan(AdafactorSlot[] Slots, AdafactorPart[] Parts, AdafactorPart[] Strips)
{
    /// <summary>Columns of one strip: the sums of a strip stay in the first-level cache.</summary>
    public const int StripColumns = 256;

    /// <summary>Cuts a unit.</summary>
    public static AdafactorPlan Create(UnitLayout layout, OptimizerOptions options)
    {
        var slots = new List<AdafactorSlot>();
        var parts = new List<AdafactorPart>();
        var strips = new List<AdafactorPart>();
        var (rowState, columnState, vectorState) = (0L, 0L, 0L);
        foreach (var parameter in layout.Parameters)
        {
            var (rows, columns) = Matrix(parameter);
            var firstPart = parts.Count;
            if (parameter.Count > 0)
            {
                Cut(parts, slots.Count, rows > 0 ? rows : columns, rows > 0 ? Math.Max(1, HostWorkers.ChunkElements / columns) : HostWorkers.ChunkElements);
                if (rows > 0) Cut(strips, slots.Count, columns, StripColumns);
            }

            var (learningRateFactor, weightDecay) = options.SettingsOf(parameter);
            slots.Add(new(parameter.Offset, rows, columns, rows > 0 ? rowState : vectorState, columnState, firstPart, parts.Count, learningRateFactor, weightDecay));
            rowState += rows;
            if (rows > 0) columnState += columns;
            else vectorState += columns;
        }

        return new([.. slots], [.. parts], [.. strips]);
    }

    /// <summary>Numbers of state: rows, columns, elements of vectors.</summary>
    public static (long Rows, long Columns, long Vectors) CountState(UnitLayout layout)
    {
        var shapes = layout.Parameters.Select(Matrix).ToArray();
        return (shapes.Sum(shape => shape.Rows), shapes.Where(shape => shape.Rows > 0).Sum(shape => shape.Columns), shapes.Where(shape => shape.Rows == 0).Sum(shape => shape.Columns));
    }

    private static (long Rows, long Columns) Matrix(ParameterSlot parameter) =>
        parameter.Shape.Count < 2 || parameter.Count == 0 ? (0, parameter.Count) : (parameter.Count / parameter.Shape[^1], parameter.Shape[^1]);

    private static void Cut(List<AdafactorPart> parts, int slot, long count, long length)
    {
        for (long first = 0; first < count; first += length) parts.Add(new(slot, first, (int)Math.Min(length, count - first)));
    }
}
