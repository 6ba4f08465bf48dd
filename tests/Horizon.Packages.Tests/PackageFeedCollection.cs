namespace Horizon.Packages.Tests;

/// <summary>All tests share one feed, and one after another its cache.</summary>
[CollectionDefinition(nameof(PackageFeed))]
public class PackageFeedCollection : ICollectionFixture<PackageFeed>;
