using Horizon.Flow.Host.Memory;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Common;

/// <summary>Root mean square normalization by the device's operators.</summary>
internal sealed class RmsHeadNorm(double epsilon) : IHeadNorm
{
    /// <inheritdoc/>
    public Tensor Apply(ParameterViews parameters, Tensor x, IUnitOperators? operators) =>
        operators is null ? RmsNorm.Apply(x, parameters[Roles.FinalNorm], epsilon) : operators.Norm(x, null, parameters[Roles.FinalNorm], epsilon).Output;

    /// <inheritdoc/>
    public Tensor Differentiate(ParameterViews parameters, ParameterViews? gradients, Tensor x_NH, IUnitOperators operators, Func<Tensor, Tensor> rest)
    {
        var (_, normed_NH, inverse) = operators.Norm(x_NH, null, parameters[Roles.FinalNorm], epsilon);
        return operators.NormBackward(rest(normed_NH), x_NH, parameters[Roles.FinalNorm], inverse, null, gradients?[Roles.FinalNorm]);
    }

    /// <inheritdoc/>
    /// <remarks>Of a piece the rows that have labels, their norm, its gradient, and the norm's; and that in its place among all rows.</remarks>
    public long Bytes(long hidden, BatchShape batch)
    {
        var piece = Math.Max(batch.UncutTokens, Math.Min(batch.PieceTokens, batch.Tokens));
        return (hidden * batch.TokenBytes) + (piece * hidden * ((4L * batch.Type.ByteSize()) + (batch.FusedOperators ? 0 : (batch.OnProcessor ? 1 : 6) * sizeof(float))));
    }
}
