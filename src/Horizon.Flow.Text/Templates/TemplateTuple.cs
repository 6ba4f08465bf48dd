namespace Horizon.Flow.Text;

/// <summary>A list that Python prints in round brackets, and whose items <c>%</c> takes one by one.</summary>
internal sealed class TemplateTuple(IEnumerable<object?> items) : List<object?>(items);
