namespace Horizon.Flow.Program;

/// <summary>Makes the program of each step. Programs that are equal should be the same object: each new one is validated.</summary>
public interface IStepProgrammer
{
    /// <summary>The program of a step.</summary>
    StepProgram ProgramFor(StepRequest request);
}
