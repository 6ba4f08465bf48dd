using Horizon.Flow.Models.Common;
using Horizon.Flow.Units;

namespace Horizon.Flow.Models;

/// <summary>Models that learn with a regularization; what they compute for anything but a training step is the same.</summary>
public static class ModelRegularization
{
    /// <summary>The model with label smoothing (Szegedy et al. 2016): <see cref="HeadTemplate.WithLabelSmoothing"/>.</summary>
    /// <param name="model">The model.</param>
    /// <param name="smoothing">The share of the target that lies evenly on all tokens, at least 0 and less than 1.</param>
    /// <exception cref="HorizonException">The model's head knows of none.</exception>
    public static ModelDefinition WithLabelSmoothing(this ModelDefinition model, double smoothing)
    {
        ArgumentNullException.ThrowIfNull(model);
        return model.Head.Template is HeadTemplate head
            ? model with { Head = model.Head with { Template = head.WithLabelSmoothing(smoothing) } }
            : throw new HorizonException($"label smoothing is not there for the head {model.Head.Template.GetType().Name} of {model.Architecture}");
    }

    /// <summary>
    /// The model with noise on its embeddings (NEFTune, Jain et al. 2023, arXiv 2310.05914), even and at most alpha / sqrt(tokens of the document * hidden size), for micro-batches that
    /// have a seed (<see cref="MicroBatch.WithSeed"/>). It comes behind the embedding's scale, in families that have one.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="alpha">How much; 5 is common.</param>
    /// <exception cref="HorizonException">The model's embedding gives more than embeddings.</exception>
    public static ModelDefinition WithEmbeddingNoise(this ModelDefinition model, double alpha)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentOutOfRangeException.ThrowIfNegative(alpha);
        var embedding = model.Hidden[0];
        return embedding.Template is EmbeddingTemplate
            ? model with { Hidden = [embedding with { Template = new NoisyEmbeddingTemplate(embedding.Template, alpha) }, .. model.Hidden.Skip(1)] }
            : throw new HorizonException($"noise on the embeddings (neftune) is not there for {model.Architecture}, whose embedding also tells each layer something");
    }
}
