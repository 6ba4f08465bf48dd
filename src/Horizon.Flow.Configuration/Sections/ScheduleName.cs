namespace Horizon.Flow.Configuration;

/// <summary>The shape of the learning rate after the warm-up.</summary>
public enum ScheduleName
{
    /// <summary>Stays as it is.</summary>
    Constant,

    /// <summary>Falls in a straight line.</summary>
    Linear,

    /// <summary>Falls along half a cosine (Loshchilov and Hutter, arXiv 1608.03983).</summary>
    Cosine,

    /// <summary>Warm-up, stable, decay (Hu et al., arXiv 2404.06395).</summary>
    Wsd,
}
