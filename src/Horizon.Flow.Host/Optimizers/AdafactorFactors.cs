namespace Horizon.Flow.Host.Optimizers;

/// <summary>What <see cref="Adafactor"/> multiplies one parameter's numbers by in one step.</summary>
/// <param name="Row">The second moment of element (r, c) is R[r] C[c] times this.</param>
/// <param name="Rate">The clipped step size.</param>
/// <param name="Keep">What decay leaves of the weights.</param>
internal readonly record struct AdafactorFactors(float Row, float Rate, float Keep);

/// <summary>The sweeps of one step, in this order.</summary>
internal enum AdafactorPass
{
    /// <summary>Row moments, the moments of vectors, and the sums of the weights' squares.</summary>
    Rows,

    /// <summary>Column moments.</summary>
    Columns,

    /// <summary>The sums of the updates' squares.</summary>
    Norms,

    /// <summary>The weights.</summary>
    Weights,
}
