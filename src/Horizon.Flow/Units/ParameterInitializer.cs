using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;

namespace Horizon.Flow.Units;

/// <summary>Writes the initial values of elements <paramref name="offset"/>.. of one parameter of a new model.</summary>
/// <param name="parameter">The parameter.</param>
/// <param name="seed">The run's seed.</param>
/// <param name="offset">First element to write; a multiple of <see cref="HostWorkers.ChunkElements"/>, so that pieces are independent.</param>
/// <param name="values">Where they go.</param>
public delegate void ParameterInitializer(ParameterSlot parameter, long seed, long offset, Span<float> values);
