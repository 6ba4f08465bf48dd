namespace Horizon.Flow.Alignment.Distillation;

/// <summary>How far a student's distribution of the next token is from the teacher's.</summary>
public enum Divergence
{
    /// <summary>KL(teacher ‖ student): the student gives weight to all that the teacher does (Hinton, Vinyals and Dean, arXiv 1503.02531).</summary>
    Forward,

    /// <summary>KL(student ‖ teacher): the student keeps to what the teacher finds likely (Gu et al., arXiv 2306.08543).</summary>
    Reverse,
}
