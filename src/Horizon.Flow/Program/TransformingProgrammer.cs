using System.Runtime.CompilerServices;

namespace Horizon.Flow.Program;

/// <summary>Another programmer's programs, changed; each once.</summary>
internal sealed class TransformingProgrammer(IStepProgrammer inner, IReadOnlyList<Func<StepProgram, StepProgram>> transforms) : IStepProgrammer
{
    private readonly ConditionalWeakTable<StepProgram, StepProgram> _changed = [];

    public StepProgram ProgramFor(StepRequest request) =>
        _changed.GetValue(inner.ProgramFor(request), program => transforms.Aggregate(program, (changed, transform) => transform(changed)));
}
