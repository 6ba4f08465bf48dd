namespace Horizon.Flow.Alignment.Preferences;

/// <summary>The function of the margin h between the log-ratios of two answers that <see cref="DpoObjective"/> minimizes.</summary>
public enum DpoLoss
{
    /// <summary>-log σ(β h): Rafailov et al., arXiv 2305.18290, equation 7; with label smoothing the conservative form of its authors, -(1 - ε) log σ(β h) - ε log σ(-β h).</summary>
    Sigmoid,

    /// <summary>(h - 1 / (2 β))²: Azar et al., arXiv 2310.12036, equation 17, whose τ is β here.</summary>
    Ipo,

    /// <summary>max(0, 1 - β h): the loss of Zhao et al., arXiv 2305.10425, on DPO's margin.</summary>
    Hinge,

    /// <summary>(-(1 - ε) log σ(β h) + ε log σ(-β h)) / (1 - 2 ε), unbiased where a share ε of the preferences is swapped: Chowdhury et al., arXiv 2403.00409.</summary>
    Robust,
}
