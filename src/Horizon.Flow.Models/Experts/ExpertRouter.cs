using Horizon.Flow.Models.Common;
using Horizon.Flow.Units;
using static TorchSharp.torch.nn.functional;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Experts;

// Letters: T tokens, H hidden, E experts, K experts of a token, G groups.

/// <summary>Chooses each token's experts, on the device. Gradients reach the router by the weights; the choice itself has none.</summary>
internal sealed class ExpertRouter(ExpertConfig config)
{
    // As transformers has it: sigmoids of a token's experts may all be zero.
    private const double Tiny = 1e-20;

    /// <param name="parameters">The layer's.</param>
    /// <param name="x_TH">Tokens.</param>
    /// <returns>[T, K] int64, [T, K], and what they were chosen by, [T, E].</returns>
    public (Tensor Experts, Tensor Weights, Tensor Logits) Choose(ParameterViews parameters, Tensor x_TH)
    {
        var logits_TE = Logits(parameters, Normed(parameters, x_TH));
        var (experts_TK, weights_TK) = config.Router == RouterKind.SoftmaxOfChosen ? OfChosen(logits_TE) : OfAll(parameters, logits_TE);
        if (config.RouterNormEpsilon is not null) weights_TK *= parameters[Roles.RouterExpertScale].to(weights_TK.dtype).index_select(0, experts_TK.flatten()).view(experts_TK.shape);
        return (experts_TK, config.Scale == 1 ? weights_TK : weights_TK.Times(config.Scale), logits_TE);
    }

    /// <summary>What <see cref="Choose"/> makes and keeps.</summary>
    /// <param name="account">Of the layer.</param>
    /// <param name="x">The hidden state.</param>
    public void Account(OperatorAccount account, OperatorAccount.Result x)
    {
        if (config.RouterNormEpsilon is not null)
        {
            account.Keep(account.Narrow(account.Unit(x)));
            account.Make(x.Numbers);
            x = account.Make(x.Numbers);
        }

        account.Linear(config.WideRouter ? account.Wide(x) : x, config.Count);
        // Scores, what bounds them, and the balancing loss's.
        for (var i = 0; i < (config.Balancing > 0 ? 3 : 2); i++) account.Make(config.Count, wide: true, isKept: true);
        // Numbers of experts, which are 8 bytes wide, and their weights.
        for (var i = 0; i < 4; i++) account.Make(config.PerToken, wide: true, isKept: true);
    }

    private (Tensor Experts, Tensor Weights) OfChosen(Tensor logits_TE)
    {
        var (largest_TK, places_TK) = logits_TE.topk(config.PerToken);
        return (places_TK, softmax(largest_TK, -1));
    }

    private (Tensor Experts, Tensor Weights) OfAll(ParameterViews parameters, Tensor logits_TE)
    {
        var scores_TE = config.Router == RouterKind.Softmax ? softmax(logits_TE, -1, float32) : logits_TE.to(float32).sigmoid();
        var experts_TK = Largest(parameters, scores_TE);
        var weights_TK = scores_TE.gather(1, experts_TK);
        return (experts_TK, config.Normalized ? weights_TK / weights_TK.sum([-1], keepdim: true).Plus(Tiny) : weights_TK);
    }

    private Tensor Normed(ParameterViews parameters, Tensor x_TH) => config.RouterNormEpsilon is not { } epsilon ? x_TH
        : (RmsNorm.Unit(x_TH, epsilon).to(x_TH.dtype) * parameters[Roles.RouterScale]).Times(1 / Math.Sqrt(x_TH.shape[1]));

    private Tensor Logits(ParameterViews parameters, Tensor x_TH)
    {
        var (weight, bias) = (parameters[Roles.Router], config.RouterBias ? parameters[Roles.RouterBias] : null);
        return config.WideRouter ? linear(x_TH.to(float32), weight.to(float32), bias?.to(float32)) : linear(x_TH, weight, bias);
    }

    private Tensor Largest(ParameterViews parameters, Tensor scores_TE)
    {
        using var noGrad = no_grad();
        if (config.Router != RouterKind.Sigmoid) return scores_TE.topk(config.PerToken).indexes;
        var choice_TE = scores_TE.Plus(parameters[Roles.RouterCorrection].to(float32));
        if (config.Groups > 1) choice_TE = choice_TE.With(double.NegativeInfinity, (x, nothing) => x.masked_fill(OutsideGroups(choice_TE), nothing));
        return choice_TE.topk(config.PerToken).indexes;
    }

    // [T, E] bool.
    private Tensor OutsideGroups(Tensor choice_TE)
    {
        var groups_TG = choice_TE.view(-1, config.Groups, config.Count / config.Groups).topk(2).values.sum([-1]);
        var chosen = groups_TG.topk(config.ChosenGroups).indexes;
        var outside_TG = ones_like(groups_TG, ScalarType.Bool).scatter(1, chosen, zeros_like(chosen, ScalarType.Bool));
        return outside_TG.unsqueeze(-1).expand(-1, -1, config.Count / config.Groups).reshape(choice_TE.shape);
    }
}
